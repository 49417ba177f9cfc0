"""A run whose job the controller has forgotten: the accounting of Slurm says how it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.report.files import read_state
from tests.integration.cluster.slurm_jobs import submit_endless
from tests.support.cluster import Slurm, product, slurm_missing
from tests.support.cluster.accounting import accounting_missing
from tests.support.patience import PATIENCE_S
from tests.support.runs import wait_for

_MISSING = slurm_missing() or accounting_missing()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_MISSING), reason=_MISSING)]


def test_the_end_of_a_forgotten_job_is_in_its_records(tmp_path: Path) -> None:
    with Slurm(tmp_path, environment=product.environment(), accounting=True) as slurm:
        run_dir = submit_endless(slurm)
        (job,) = slurm.jobs()
        slurm.stop_controller()
        slurm.start_controller()
        assert slurm.jobs() == [job]
        assert read_state(run_dir).running
        slurm.cluster.power_off("node1")
        wait_for(lambda: not slurm.job_state(job), "a controller without the job", 2 * PATIENCE_S, pause=1)
        assert slurm.jobs() == []  # it answers
        slurm.login.run("trtbench-tui", "ls")
        state = read_state(run_dir)
        assert state.ended is not None
        assert (state.status, state.ended.job_end) == ("failed", "node_failed")
