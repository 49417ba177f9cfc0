"""Whatever a run directory contains, no command prints a control character."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runner.cli import gpu_readings
from runner.cli.main import COMMAND_GROUPS, main
from runner.state.run import RunState
from runner.sweep import directory
from runner.sweep.spec import Slot
from tests.support import hostile, sweeps
from tests.support.hostile import HIDDEN, TEXT

NAME = TEXT.replace("\0", "").replace("/", "")
"""the text as a user may pass it on: no argument and no file name has a NUL"""
COMMANDS = [
    ["run", NAME],
    ["run", "hostile.yaml", "--headless"],
    ["attach", "7f3a", "--headless"],
    ["attach", "7f3a", "--json"],
    ["attach", NAME],
    ["stop", "7f3a"],
    ["show", "7f3a"],
    ["show", "7f3a", "--json"],
    ["show", NAME],
    ["replay", "7f3a", "--headless", "--speed", "100000"],
    ["replay", "7f3a", "--json", "--speed", "100000"],
    ["logs", "7f3a"],
    ["logs", NAME],
    ["wait", "7f3a"],
    ["ls"],
    ["ls", "--json"],
    ["ls", "--group"],
    ["ls", NAME],
    ["trend", NAME],
    ["tag", "7f3a"],
    ["tag", "7f3a", f"+{NAME}"],
    ["note", "7f3a"],
    ["rename", "7f3a", NAME],
    ["rm", "7f3a", "--yes"],
    ["trash", "ls"],
    ["trash", "restore", NAME],
    ["sweep", NAME],
    ["sweep", "quickstart", "--axis", f"{NAME}=1"],
    ["ab", NAME, "quickstart"],
    ["sweeps", "ls"],
    ["sweeps", "ls", "--json"],
    ["sweeps", "show", "last"],
    ["sweeps", "show", "last", "--json"],
    ["compare", "7f3a", "19bc"],
    ["compare", "7f3a", "19bc", "--json"],
    ["compare", "7f3a", NAME],
    ["baseline", "set", "7f3a"],
    ["baseline", "show"],
    ["check", "7f3a", "--assert", "latency_ms < 1"],
    ["check", "7f3a", "--assert", NAME],
    *(["export", "7f3a", "--format", name] for name in ("json", "csv", "md", "html", "prometheus")),
    ["export", "7f3a", "--format", "upstream-csv"],
    ["export", "7f3a", "--svg", "latency"],
    ["export", "7f3a", "--svg", "gpu"],
    ["export", "7f3a", "-o", f"{NAME}/x.json"],
    ["archive", "7f3a", "-o", f"{NAME}.zip"],
    ["verify", "7f3a"],
    ["verify", NAME],
    ["import", NAME],
    ["import", "archived.zip"],
    ["import", "printed.log"],
    ["metrics", NAME],
    ["published", "--model", NAME],
    ["tune", NAME],
    ["tune", "quickstart", "--objective", NAME],
    ["profiles", "list"],
    ["profiles", "show", "hostile.yaml"],
    ["profiles", "validate", "hostile.yaml"],
    ["doctor", NAME],
    ["gpus", "--once"],
    ["gpus", "--once", "--json"],
    ["serve", "--token", NAME],
    ["completion", "bash"],
    ["completion", NAME],
    [NAME],
]


@pytest.fixture(autouse=True)
def hostile_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    first, _ = hostile.write_runs()
    escaped = json.dumps(TEXT)
    Path("hostile.yaml").write_text(f"name: x\nengine: {escaped}\n{escaped}: 1\n", encoding="utf-8")
    Path("printed.log").write_text(f"[BENCHMARK] batch_size 1 {TEXT}\n", encoding="utf-8")
    assert main(["archive", str(first), "-o", "archived.zip"]) == 0
    settled = sweeps.settled(Slot(0, 0), "r", small="failed", large="failed")
    sweep = sweeps.written(sweeps.sweep_of(1), settled) / directory.SPEC
    sweep.write_bytes(sweep.read_bytes().replace(b'"tiny"', escaped.encode()))

    def states(hz: float, ticks: int | None) -> Iterator[RunState]:
        state = RunState()
        state.apply_all(hostile.recorder().events)
        yield state

    monkeypatch.setattr(gpu_readings, "_states", states)


@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda command: " ".join(command)[:30].encode("unicode_escape").decode()
)
def test_no_command_prints_a_control_character(
    command: list[str], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    capsysbinary.readouterr()
    with suppress(SystemExit):  # of argparse
        main(command)
    captured = capsysbinary.readouterr()
    assert captured.out or captured.err
    assert b"internal error" not in captured.err
    for printed in (captured.out, captured.err):
        assert not HIDDEN.search(printed.decode("utf-8")), printed
    if "json" in " ".join(command) and captured.out:
        assert captured.out.isascii()
        json.loads(captured.out.splitlines()[-1] if "--json" in command else captured.out)


def test_every_command_is_tried() -> None:
    every = {name for group in COMMAND_GROUPS.values() for name in group}
    assert every <= {command[0] for command in COMMANDS}
