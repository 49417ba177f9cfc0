"""Checks of what else runs on this machine, and of its CPUs."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.check import Check
from runner.engines.facts import MachineFacts

LIGHT_LOAD = 0.5
"""CPUs in use by others that are normal on any machine"""
ROUNDING = 0.25
"""CPUs that the measurement of the load may be off"""
MOST_WAITING_PERCENT = 10.0
"""PSI: with more, latencies include scheduling delay"""


def host_checks(facts: MachineFacts, ranks: int, *, needed: bool) -> Iterator[Check]:
    """Yield the checks of devices in use, load and CPUs.

    Args:
        facts: the facts of the machine.
        ranks: number of ranks; each needs a CPU, also to launch the kernels of a GPU.
        needed: the checks are for a profile.
    """
    for holder in facts.holders:
        text = f"{holder}; a run waits for it" if needed else str(holder)
        fix = f"trtbench-tui stop {holder.run}" if holder.run else f"ps -fp {holder.pid}"
        yield Check("device", "warn", text, fix)
    if facts.load is not None:
        yield _load(facts, ranks if needed else 1)
    if facts.probe is None or not needed:
        return
    usable = facts.probe.usable_cpus
    if ranks > usable:
        text = f"{ranks} ranks share {usable:g} CPUs: they wait for each other, and latency is not meaningful"
        yield Check("CPUs", "warn", text, f"--set parallel.tp={max(1, int(usable))}")


def _load(facts: MachineFacts, ranks: int) -> Check:
    load = facts.load
    assert load is not None
    cores = facts.probe.usable_cpus if facts.probe else 1.0
    waiting = load.waiting_percent or 0.0
    busy = load.busy > LIGHT_LOAD and load.busy + min(ranks, cores) > cores + ROUNDING
    if not busy and waiting < MOST_WAITING_PERCENT:
        return Check("CPU load", "pass", f"others use {load.busy:.1f} of {cores:g} CPUs")
    text = f"others use {load.busy:.1f} of {cores:g} CPUs (load average {load.average:.1f})"
    if waiting >= MOST_WAITING_PERCENT:
        text += f", and processes waited for a CPU in {waiting:.0f} % of the last 10 s"
    text += ": latencies would include scheduling delay"
    if load.busiest:
        text += f"; busiest: {', '.join(map(str, load.busiest))}"
    pids = " ".join(str(process.pid) for process in load.busiest)
    return Check("CPU load", "warn", text, f"renice -n 19 -p {pids}" if pids else "top -o %CPU")
