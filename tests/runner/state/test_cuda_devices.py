"""CUDA_VISIBLE_DEVICES as CUDA reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.events import GpuIdentity
from runner.state.cuda_devices import device_index, gpu_of, visible

# NVML lists them in another order than the bus does.
B = GpuIdentity(uuid="GPU-bbbb-1", index=0, pci="00000000:3B:00.0")
A = GpuIdentity(uuid="GPU-aaaa-1", index=1, pci="00000000:1B:00.0")
C = GpuIdentity(uuid="GPU-aaab-2", index=2, pci="00000001:02:00.0", mig=["MIG-1111", "MIG-2222"])
GPUS = [B, A, C]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (None, ["MIG-1111"]),
        ("", []),
        ("0", [A.uuid]),
        ("1,0", [B.uuid, A.uuid]),
        ("2,0", ["MIG-1111"]),
        ("0,2", ["MIG-1111"]),
        (" 1 , 0 ", [B.uuid, A.uuid]),
        ("0,7,1", [A.uuid]),
        ("-1,0", []),
        ("NoDevFiles", []),
        ("GPU-bbbb-1", [B.uuid]),
        ("GPU-b", [B.uuid]),
        ("GPU-aaa", []),
        ("GPU-", []),
        ("GPU-bbbb,GPU-aaaa", [B.uuid, A.uuid]),
        ("GPU-aaab", ["MIG-1111"]),
        ("0,0", []),
        ("0,GPU-aaaa-1", []),
        ("MIG-1111,MIG-2222", ["MIG-1111"]),
        ("MIG-3333", []),
        ("MIG-GPU-bbbb-1/1/0", [B.uuid]),
    ],
)
def test_a_setting_names_devices_as_cuda_would_number_them(setting: str | None, expected: list[str]) -> None:
    assert visible(GPUS, setting) == expected


def test_without_mig_all_gpus_are_seen_in_the_order_of_the_bus() -> None:
    assert visible([B, A], None) == [A.uuid, B.uuid]


def test_a_gpu_that_is_split_into_nothing_is_not_there() -> None:
    empty = GpuIdentity(uuid="GPU-cccc-1", index=3, pci="00000000:01:00.0", mig=[])
    assert visible([empty, A], None) == [A.uuid]


@given(st.lists(st.sampled_from([str(i) for i in range(5)] + ["GPU-a", "GPU-b", "x", ""])))
def test_devices_are_distinct_and_known_whatever_is_set(words: list[str]) -> None:
    found = visible(GPUS, ",".join(words))
    assert len(set(found)) == len(found)
    assert all(gpu_of(uuid, GPUS) is not None for uuid in found)


def test_a_mig_device_belongs_to_its_gpu() -> None:
    assert gpu_of("MIG-2222", GPUS) is C
    assert gpu_of("MIG-3333", GPUS) is None


@pytest.mark.parametrize(("device", "index"), [("cuda:3", 3), ("cuda", 0), ("cpu", None), ("", None)])
def test_the_number_of_a_device(device: str, index: int | None) -> None:
    assert device_index(device) == index
