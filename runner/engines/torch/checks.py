"""Checks of a torch profile: packages and cores."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.check import Check
from runner.engines.facts import Facts, Seen
from runner.engines.torch.profile import TorchProfile


def checks(profile: TorchProfile, facts: Facts, seen: Seen) -> Iterator[Check]:
    """Every check of a profile beyond those of the machine."""
    for package in ("torch", "mpi4py"):
        version = seen.packages.get(package)
        if version:
            yield Check(package, "pass", f"{version} in {facts.python}")
        else:
            fix = f"{facts.python} -m pip install 'trtbench-tui[torch]'"
            yield Check(package, "fail", f"not installed in {facts.python}", fix)
    tp, cores = profile.parallel.tp, seen.cores
    if profile.model.device == "cpu" and tp > cores:
        text = f"{tp} ranks share {cores} cores, so they wait for each other and latency says little"
        yield Check("cores", "warn", text, f"--set parallel.tp={cores}")
    elif profile.model.device == "cpu":
        yield Check("cores", "pass", f"{cores} for {tp} {'rank' if tp == 1 else 'ranks'}")
