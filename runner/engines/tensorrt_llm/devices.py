"""The GPUs of the ranks of TensorRT-LLM, which take them by their number in the whole run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.engines.gpu_claims import claimed_gpus, numbered_gpus
from runner.engines.mpi import RankLaunch
from runner.ranks.observer import GPUS_PER_NODE


def devices_of_nodes(launch: RankLaunch, numbers: Sequence[Sequence[int]]) -> list[list[str]]:
    """Return the lock names of the GPUs of each node, this machine first.

    Args:
        launch: the ranks.
        numbers: of the GPUs on each node, where it is known.
    """
    here, *others = numbers or [range(most) for most in launch.most_ranks]
    visible = claimed_gpus(launch.env, max(here, default=0) + 1)
    return [[visible[number] for number in here if number < len(visible)], *map(numbered_gpus, others)]


def gpus_of(ranks: Sequence[int]) -> list[int]:
    """Return the numbers of the GPUs that ranks take on their host."""
    return sorted({rank % GPUS_PER_NODE for rank in ranks})


def host_notes(launch: RankLaunch, numbers: Sequence[Sequence[int]] = ()) -> Iterator[str]:
    """Yield what a run on several hosts needs; `numbers` are those of `devices_of_nodes`."""
    if not launch.nodes:
        return
    installed = "this program" if launch.in_containers else "this program, TensorRT-LLM"
    yield (
        f"{', '.join(node.host for node in launch.nodes)} need the same files at the same paths:"
        f" {installed} and the engine or model; a shared file system does it"
    )
    for node, gpus in zip(launch.nodes, numbers, strict=False):
        if list(gpus) != list(range(len(gpus))):
            yield (
                f"TensorRT-LLM puts rank r on GPU r % {GPUS_PER_NODE} of its host, so {node.host} needs GPUs"
                f" {', '.join(map(str, gpus))}: give each host but the last {GPUS_PER_NODE} slots"
            )
