"""Sweeps that no sweep runner wrote, as a damaged disk or another machine may have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from runner.cli.main import main
from runner.sweep.directory import LOG, SPEC
from runner.sweep.spec import Slot
from runner.util.exit_codes import ExitCode
from tests.support import tunings
from tests.support.sweeps import settled, started, sweep_of, written

RUN = "20260101T000000Z_tiny_00a0"
HUGE = int("9" * 400)
SWEEPS: dict[str, Callable[[dict[str, Any]], object]] = {
    "repeats": lambda sweep: sweep.update(repeat=2**53),
    "runs": lambda sweep: sweep.update(repeat=65_000),
    "time": lambda sweep: sweep.update(created=1e308),
    "numbers of cells": lambda sweep: sweep["cells"][0].update(number=7),
    "value of no axis": lambda sweep: sweep["cells"][0].update(values=[["build.max_batch_size", "3"]]),
}
TUNINGS: dict[str, Callable[[dict[str, Any]], object]] = {
    "other axes": lambda sweep: sweep["axes"].pop(),
    "too many points": lambda sweep: (
        sweep["axes"][0].update(values=["1"] * 20_001),
        sweep["tune"]["axes"][0].update(values=[1] * 20_001),
    ),
    "no baseline": lambda sweep: sweep.update(cells=[]),
    "other values": lambda sweep: sweep["tune"]["axes"][0].update(values=[HUGE, 7, 8, 9, 10]),
}


@pytest.mark.usefixtures("mpirun_that_only_plans")
@pytest.mark.parametrize("case", [*SWEEPS, *TUNINGS])
def test_a_contradictory_sweep_is_one_sentence(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    good = written(sweep_of(2))
    if case in SWEEPS:
        bad, change = written(sweep_of(2)), SWEEPS[case]
    else:
        tuning = tunings.fake()
        tuning.run()
        tuning.write()
        bad, change = tuning.path, TUNINGS[case]
    sweep = json.loads((bad / SPEC).read_bytes())
    change(sweep)
    (bad / SPEC).write_text(json.dumps(sweep))
    assert main(["sweeps", "show", bad.name]) == ExitCode.BAD_INPUT
    assert main(["sweeps", "ls"]) == ExitCode.OK
    assert good.name[-4:] in capsys.readouterr().out


@pytest.mark.parametrize(
    "field", ['"cell":9', '"cell":-1', '"repeat":9007199254740992', '"run":"../x"', '"run":"a\\u0000"']
)
def test_an_odd_line_of_a_log_is_skipped(field: str) -> None:
    slot = Slot(0, 0)
    sweep = written(sweep_of(2), started(slot, RUN), settled(slot, RUN, small="done"))
    log = (sweep / LOG).read_text()
    name = field.partition(":")[0]
    line = next(line for line in log.splitlines() if f"{name}:" in line)
    old = json.dumps(json.loads(line)[name.strip('"')])
    (sweep / LOG).write_text(log.replace(f"{name}:{old}", field))
    assert main(["sweeps", "show", "last"]) == ExitCode.OK


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_a_tuning_whose_log_lost_a_cell_is_listed() -> None:
    tuning = tunings.fake()
    tuning.run()
    tuning.write()
    lines = (tuning.path / LOG).read_text().splitlines(keepends=True)
    (tuning.path / LOG).write_text("".join(line for line in lines if '"kind":"cell"' not in line))
    assert main(["sweeps", "ls"]) == main(["sweeps", "show", "last"]) == ExitCode.OK
