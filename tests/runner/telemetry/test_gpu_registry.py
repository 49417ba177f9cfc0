"""GPUs keep names and columns when NVML restarts and lists other GPUs."""

from __future__ import annotations

import msgspec

from runner import events as ev
from runner import metrics
from runner.metrics.gpu_flags import gpu_flags, run_gpu_flags
from runner.metrics.rank_gpus import used_gpus
from runner.state import cuda_devices
from runner.state.run import RunState
from runner.telemetry.gpu_registry import GpuRegistry
from tests.support.gpu_logs import SECOND, configuration_events, gpu_numbers, mapping

A, B, C = (ev.GpuIdentity(uuid=f"GPU-{name}", index=i, pci=f"0:{i}:0.0") for i, name in enumerate("abc"))


def listed(*identities: ev.GpuIdentity, t: int = 0) -> ev.GpuInventory:
    return ev.GpuInventory(t=t, gpus=list(identities))


def sample(*power: float) -> ev.GpuSamples:
    return ev.GpuSamples(t=1, period_ms=500, power=list(power), throttled_us={"thermal": [7] * len(power)})


def names(told: list[ev.GpuInventory | ev.GpuReason | ev.GpuProblem]) -> list[str]:
    inventory = told[0]
    assert isinstance(inventory, ev.GpuInventory)
    return [gpu.uuid for gpu in inventory.gpus]


def test_the_same_gpus_pass_as_they_come() -> None:
    lineup = GpuRegistry()
    for _ in range(2):
        assert lineup.inventory(listed(A, B)) == [listed(A, B)]
    taken = sample(1, 2)
    assert lineup.samples(taken) is taken


def test_gpu_without_uuid_keeps_its_identity() -> None:
    lineup = GpuRegistry()
    lineup.inventory(listed(A, B))
    assert lineup.inventory(listed(A, ev.GpuIdentity(uuid="unknown-1", index=1))) == [listed(A, B)]
    assert lineup.name("unknown-1") == B.uuid
    assert lineup.name(A.uuid) == A.uuid
    assert lineup.samples(sample(1, 2)).power == [1, 2]


def test_gpu_with_uuid_only_after_restart_is_not_lost() -> None:
    lineup, unknown = GpuRegistry(), ev.GpuIdentity(uuid="unknown-1", index=1)
    lineup.inventory(listed(A, unknown, C))
    assert names(lineup.inventory(listed(A, msgspec.structs.replace(C, index=1)))) == [
        A.uuid, unknown.uuid, C.uuid
    ], "another GPU at its index is not it"  # fmt: skip
    assert lineup.inventory(listed(A, B, C)) == [listed(A, B, C)]
    assert lineup.samples(sample(1, 2, 3)).power == [1, 2, 3]


def test_unlisted_gpu_is_lost_and_others_keep_columns() -> None:
    lineup = GpuRegistry()
    lineup.inventory(listed(A, B, C))
    told = lineup.inventory(listed(A, ev.GpuIdentity(uuid=C.uuid, index=1, pci=C.pci)))
    assert names(told) == [A.uuid, B.uuid, C.uuid]
    reason, problem = told[1:]
    assert isinstance(reason, ev.GpuReason)
    assert (reason.gpu, reason.reading, reason.reason) == (B.uuid, "all", "GPU lost")
    assert isinstance(problem, ev.GpuProblem)
    assert problem.text.startswith("GPU 1 is not listed by the driver any more")
    moved = lineup.samples(sample(1, 3))
    assert moved.power == [1, None, 3]
    assert moved.throttled_us == {"thermal": [7, 0, 7]}
    assert moved.busy == [], "a column that nobody has stays left out"


def test_other_order_and_new_gpu_move_no_column() -> None:
    lineup = GpuRegistry()
    lineup.inventory(listed(A, B))
    assert names(lineup.inventory(listed(C, B, A))) == [A.uuid, B.uuid, C.uuid]
    assert lineup.samples(sample(3, 2, 1)).power == [1, 2, 3]


def test_a_gpu_that_is_back_has_its_place_again() -> None:
    lineup = GpuRegistry()
    lineup.inventory(listed(A, B))
    lineup.inventory(listed(B))
    assert lineup.inventory(listed(A, B)) == [listed(A, B)]
    assert lineup.samples(sample(1, 2)).power == [1, 2]


def test_ranks_stay_on_their_gpus_and_no_sum_is_of_some_only() -> None:
    """A GPU falls off the bus after nine seconds, NVML crashes with it and starts anew without it."""
    lineup = GpuRegistry()
    told: list[ev.AnyEvent] = [
        *lineup.inventory(listed(A, B)),
        mapping(cuda_devices.visible([A, B], None)),
        *configuration_events(0, SECOND, 21 * SECOND),
        ev.Hello(t=0, stage=0, rank=1, world=2, pid=3, host="", device="cuda:1"),
    ]
    told += [ev.GpuSamples(t=t * SECOND, period_ms=1000, power=[500.0, 400.0]) for t in range(1, 10)]
    told += [ev.GpuEnergy(t=t * SECOND, gpu=gpu.uuid, mj=t * 500_000) for t in (1, 5, 9) for gpu in (A, B)]
    told += lineup.inventory(listed(A, t=10 * SECOND))
    told += [
        lineup.samples(ev.GpuSamples(t=t * SECOND, period_ms=1000, power=[500.0])) for t in range(11, 23)
    ]
    told.append(ev.GpuEnergy(t=21 * SECOND, gpu=A.uuid, mj=21 * 500_000))
    state = RunState()
    state.apply_all(sorted(told, key=lambda event: event.t))

    assert [gpu.identity.uuid for gpu in used_gpus(state)] == [A.uuid, B.uuid]
    assert state.gpus[B.uuid].lost
    table = gpu_numbers(state, 0, "not planned")
    assert table is not None
    assert table[metrics.GPU_ENERGY] == (None, 0, "energy counter of GPU 1: GPU lost")
    assert table[metrics.GPU_POWER_PEAK][0] == 500.0
    flags = gpu_flags(state, 0)
    assert "GPU 1: power was read only 9 of 20 times while it was measured: GPU lost" in flags
    assert "GPU 1: not listed by the driver any more: restart the machine or reset the GPU" in (
        run_gpu_flags(state)
    )
