"""`ls --host`: the runs of other machines as rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner.cli import fleet as command
from runner.cli.main import build_parser
from runner.fleet.fleet import Fleet
from runner.fleet.found import FoundRun
from runner.fleet.wire import RemoteRun
from runner.plan.plan import SweepMembership


class ListedFleet(Fleet):
    """A sweep of two runs on each of two hosts, with the same id."""

    def __init__(self) -> None:
        super().__init__([])

    def runs(self) -> Iterator[FoundRun]:
        for host in ("box1", "box2"):
            for cell in range(2):
                place = SweepMembership(sweep="20260101T000000Z_tiny_5eee", cell=cell)
                run = f"20260101T00000{cell}Z_tiny_{host[-1]}00{cell}"
                yield FoundRun(host, RemoteRun(run, "tiny", "torch", "finished", 1.0, 2.0, sweep=place))


def test_sweep_of_each_host_is_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    def hosts(*options: str) -> list[str]:
        command._list(ListedFleet(), build_parser().parse_args(["ls", *options]))
        return sorted(line.split()[1] for line in capsys.readouterr().out.splitlines()[1:])

    assert hosts() == ["box1", "box2"]
    assert hosts("--unfold") == ["box1", "box1", "box2", "box2"]
