"""Exit codes by the status of a run."""

from __future__ import annotations

import pytest

from runner.state.run import ENDED_STATUSES
from runner.util.exit_codes import RUN_EXIT_CODES, ExitCode, run_exit_code


def test_every_final_status_has_an_exit_code() -> None:
    assert set(RUN_EXIT_CODES) == ENDED_STATUSES
    assert len(set(RUN_EXIT_CODES.values())) == len(ENDED_STATUSES)


@pytest.mark.parametrize("status", ["starting", "queued", "running", "stopping"])
def test_run_under_way_gives_exit_code_0(status: str) -> None:
    assert run_exit_code(status) is ExitCode.OK
