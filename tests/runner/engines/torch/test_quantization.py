"""`model.quantization` in the plan of a torch profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engines.registry import make_plan
from runner.plan.plan import DecodeReads
from runner.profile.set_fields import with_changes
from runner.profile.store import find
from runner.util.errors import UserError

BATCH_ONE = "benchmark.batch_size=[1]"


def reads(tmp_path: Path, *changes: str) -> DecodeReads:
    plan = make_plan(with_changes(find("torch-1gpu").load(), [BATCH_ONE, *changes]), tmp_path)
    assert isinstance(plan.decode_reads, DecodeReads)
    return plan.decode_reads


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_quantised_weights_have_a_floor_of_their_own(tmp_path: Path) -> None:
    whole, int8 = reads(tmp_path), reads(tmp_path, "model.quantization=int8")
    assert whole.work is not None
    assert int8.work == whole.work, "the factors are still of model.dtype"
    matrices = whole.work.layer_weights
    assert whole.weight_bytes - int8.weight_bytes == matrices
    assert int8.kv_bytes_per_token == whole.kv_bytes_per_token


def test_large_batches_are_refused_on_a_gpu() -> None:
    changes = ["model.quantization=fp8", "benchmark.batch_size=[1, 16]"]
    with pytest.raises(UserError, match="only batch size 1 is measured"):
        with_changes(find("torch-1gpu").load(), changes)
    on_cpu = with_changes(find("torch-1gpu").load(), [*changes, "model.device=cpu"])
    assert on_cpu.engine == "torch"
