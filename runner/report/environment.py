"""Where a run was measured: machine, GPUs, driver and versions, as far as its log and its output tell."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from runner.events import GpuIdentity
from runner.metrics import gpu_metrics
from runner.plan.plan import Plan
from runner.run import layout
from runner.state.run import RunState
from runner.util.files import read

_HEAD = 1 << 18
"""Programs print their versions when they start: only the beginning of a log is read."""
_TENSORRT_LLM = re.compile(r"\[TensorRT-LLM\] TensorRT-LLM version: ([\w.+-]+)")


class Rank(msgspec.Struct, frozen=True, kw_only=True):
    """One measuring process, as it introduced itself."""

    rank: int
    host: str
    device: str
    """`cpu`, or `cuda:N` as CUDA counts there"""
    label: str = ""
    """name of the device, as its driver gives it"""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and the software of a run; what nobody said is empty."""

    host: str = ""
    cores: int = 0
    version: str = ""
    """of trtbench-tui"""
    versions: dict[str, str] = {}
    """of what was measured, as the stages printed them"""
    driver: str = ""
    nvml: str = ""
    cuda: str = ""
    """the newest CUDA that the driver supports"""
    gpus: list[GpuIdentity] = []
    """the GPUs that the ranks computed on, in the order of the ranks"""
    no_gpu: str = ""
    """why there are no GPU readings"""
    ranks: list[Rank] = []


def environment_of(run_dir: Path, plan: Plan, state: RunState) -> Environment:
    """What the log and the raw output of a run say about where it ran."""
    started, inventory = state.started, state.telemetry.inventory
    hellos = [rank.hello for _, rank in sorted(state.ranks.items()) if rank.hello is not None]
    return Environment(
        host=started.host if started else "",
        cores=started.cores if started else 0,
        version=started.version if started else "",
        versions=_versions(run_dir, plan),
        driver=inventory.driver if inventory else "",
        nvml=inventory.nvml if inventory else "",
        cuda=inventory.cuda if inventory else "",
        gpus=[gpu.identity for gpu in gpu_metrics.used(state)],
        no_gpu=state.no_gpu or "",
        ranks=[Rank(rank=said.rank, host=said.host, device=said.device, label=said.label) for said in hellos],
    )


def _versions(run_dir: Path, plan: Plan) -> dict[str, str]:
    for index, stage in reversed(list(enumerate(plan.stages))):
        try:
            head = read(layout.stage_log(run_dir, index, stage.name), _HEAD)
        except OSError:
            continue
        said = _TENSORRT_LLM.search(head.decode(errors="replace"))
        if said:
            return {"TensorRT-LLM": said[1]}
    return {}
