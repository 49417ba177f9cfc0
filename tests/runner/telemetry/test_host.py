"""Load of the machine: every number within what it can be, and of the time since the reading before."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.telemetry import host
from runner.util.cpu_ticks import CpuTicks


def test_a_reading_of_this_machine() -> None:
    sampler = host.HostSampler()
    sum(range(100_000))
    read = sampler.sample()
    assert 0 <= read.cpu_percent <= 100
    assert 0 <= read.steal_percent <= 100
    assert read.waiting_percent is None or 0 <= read.waiting_percent <= 100
    assert 0 < read.memory_used < read.memory_total


def test_cpu_and_steal_are_shares_of_the_ticks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # total, idle, stolen; the second reading has corrected idle time
    ticks = [(1000, 800, 0), (1200, 850, 10), (1300, 849, 10), (1300, 849, 10)]
    monkeypatch.setattr(host, "read_cpu_ticks", lambda: CpuTicks(*ticks.pop(0)))
    sampler = host.HostSampler()
    read = [sampler.sample() for _ in range(3)]
    assert [(each.cpu_percent, each.steal_percent) for each in read] == [
        (75.0, 5.0),
        (100.0, 0.0),
        (0.0, 0.0),
    ]


def test_waiting_is_a_share_of_the_time_since_the_reading_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited = [10**9], [5_000_000]
    monkeypatch.setattr("time.monotonic_ns", lambda: now[0])
    monkeypatch.setattr(host, "_waited_us", lambda resource: waited[0] if resource == "cpu" else None)
    sampler = host.HostSampler()
    now[0] += 2 * 10**9
    waited[0] += 500_000
    read = sampler.sample()
    assert (read.waiting_percent, read.memory_waiting_percent) == (25.0, None)


def test_a_kernel_that_does_not_count_has_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self: "")
    assert host._waited_us("cpu") is None
