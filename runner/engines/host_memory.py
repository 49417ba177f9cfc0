"""The check of host memory for stages that load a whole model."""

from __future__ import annotations

from runner.engines.check import Check, gib
from runner.engines.facts import ProbeAnswer


def host_memory_check(stages: str, weights: int, probe: ProbeAnswer) -> Check:
    """Compare available host memory with the weights that stages load.

    Args:
        stages: names of the stages, for the message.
        weights: bytes of the weight files. A stage needs at least these, and more for what it makes of them.
        probe: what the interpreter of the stages sees.
    """
    free = probe.memory_available
    if not free:
        return Check("host memory", "warn", "not known: /proc/meminfo cannot be read")
    text = f"{stages}: weights of {gib(weights)} are loaded, {gib(free)} of host memory available"
    if free < weights:
        fix = "free host memory, or build on a larger machine and set paths.engine_dir"
        return Check("host memory", "warn", f"{text}; the kernel may kill the stage", fix)
    return Check("host memory", "pass", text)
