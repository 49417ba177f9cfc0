"""Checks of a torch profile: packages and cores."""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.check import Check
from runner.engines.facts import MachineFacts, ProbeAnswer
from runner.engines.torch.profile import TorchProfile
from runner.errors import install_extra


def checks(profile: TorchProfile, facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    """Yield the checks of a torch profile."""
    for package in ("torch", "mpi4py"):
        version = probe.packages.get(package)
        if version:
            yield Check(package, "pass", f"{version} in {facts.python}")
        else:
            fix = f"{facts.python} -m {install_extra('torch')}"
            yield Check(package, "fail", f"not installed in {facts.python}", fix)
    tp, cores = profile.parallel.tp, probe.cores
    if profile.model.device == "cpu" and tp > cores:
        text = f"{tp} ranks share {cores} cores, so they wait for each other and latency is not meaningful"
        yield Check("cores", "warn", text, f"--set parallel.tp={cores}")
    elif profile.model.device == "cpu":
        yield Check("cores", "pass", f"{cores} for {tp} {'rank' if tp == 1 else 'ranks'}")
