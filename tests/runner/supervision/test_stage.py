"""What a stage has left in a running container: that is brought out of it, or stays there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from runner import events as ev
from runner.engines import container
from runner.engines.registry import find_engine
from runner.run import layout
from runner.state.run import RunState
from runner.supervision.stage import StageRun
from tests.support.runs import single

FOLDER = "/data/results"
LINE = "{'iter': 1, 'iterLatencyMS': 2.5}\n"


class Inside:
    """The files of a container; None: there, but not to be read."""

    def __init__(self, files: dict[str, bytes | None], *, stays: bool = False) -> None:
        self.content, self.stays = files, stays
        self.removed: list[str] = []

    def read(self, path: str) -> bytes | None:
        return self.content.get(path)

    def files(self, _: str) -> list[tuple[str, int, int]]:
        return [(Path(path).name, 1, 1) for path in self.content]

    def remove(self, folder: str) -> None:
        if self.stays:
            raise OSError(f"{folder}: cannot be changed in the container box")
        self.removed.append(folder)


@pytest.fixture
def told() -> list[Any]:
    """What was written to the log, warnings as text."""
    return []


def fetched(inside: Inside, told: list[Any], run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "file_system_of", lambda _: inside)
    plan = replace(single("ok"), engine="trtllm-bench")
    files = {name: f"{FOLDER}/{name}" for name in ("report", "iterations")}
    stage = replace(plan.stages[0], name="benchmark", files=files, folders=[FOLDER], measures=0)
    run_log: Any = SimpleNamespace(
        run_dir=run_dir, plan=plan, state=RunState(), warn=told.append, emit=told.append
    )
    layout.stage_log(run_dir, 0, stage.name).write_bytes(b"")
    nothing: Any = None
    run = StageRun(0, stage, run_log, run_dir, nothing, nothing, nothing, nothing, nothing)
    assert run._collector.output is find_engine("trtllm-bench").output
    run._read_files()


def test_files_and_iterations_are_brought_out(
    told: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = Inside({f"{FOLDER}/report": b"{}", f"{FOLDER}/iterations": (LINE * 3).encode()})
    fetched(inside, told, tmp_path, monkeypatch)
    assert [type(one) for one in told] == [ev.EngineIteration] * 3
    assert (tmp_path / "results" / "0" / "report").read_bytes() == b"{}"
    assert inside.removed == [FOLDER]


def test_what_cannot_be_read_stays_in_the_container(
    told: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = Inside({f"{FOLDER}/report": b"{}", f"{FOLDER}/iterations": None})
    fetched(inside, told, tmp_path, monkeypatch)
    why = f"{FOLDER}/iterations cannot be read and is kept there"
    assert told == [f"cannot copy the results out of the container of this stage: {why}"]
    assert inside.removed == []


def test_a_container_that_keeps_them_does_not_end_the_run(
    told: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = Inside({f"{FOLDER}/iterations": LINE.encode()}, stays=True)
    fetched(inside, told, tmp_path, monkeypatch)
    iteration, warning = told
    assert isinstance(iteration, ev.EngineIteration)
    assert "cannot be changed in the container box" in warning
