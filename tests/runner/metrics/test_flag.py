"""Flags: their order, and one for several GPUs."""

from __future__ import annotations

from runner.metrics.flag import Effect, Flag, GpuFinding, by_effect, group_gpus


def test_larger_effects_come_first() -> None:
    drift = Flag("drift", Effect.DISTORTED, 0.57)
    wait = Flag("wait", Effect.DISTORTED, -0.63)
    flags = ["plain", Flag("few", Effect.UNCERTAIN), drift, wait, Flag("wrong", Effect.WRONG)]
    assert by_effect(flags) == ["wrong", "wait", "drift", "few", "plain"]


def test_equal_findings_of_several_gpus_are_one_flag() -> None:
    findings = [
        GpuFinding(gpu, "pcie", "its PCIe link has 8 of 16 lanes", Effect.DISTORTED) for gpu in range(8)
    ]
    assert group_gpus(findings) == ["GPUs 0-7: its PCIe link has 8 of 16 lanes"]


def test_the_worst_gpu_gives_the_text_of_its_group() -> None:
    findings = [
        GpuFinding(gpu, "thermal", f"slowed down {share} % of the time", Effect.DISTORTED, share / 100)
        for gpu, share in ((0, 2), (3, 9), (4, 5))
    ]
    assert group_gpus(findings) == ["GPUs 0,3-4: slowed down 9 % of the time (GPU 3, the worst)"]
    assert group_gpus(findings[:1]) == ["GPU 0: slowed down 2 % of the time"]
