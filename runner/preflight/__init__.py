"""Preflight: what would stop a run, or make its numbers doubtful, found before anything is started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.engines.check import Check, Verdict
from runner.engines.trtllm.checks import trtllm_checks
from runner.engines.trtllm.profile import TrtllmProfile
from runner.engines.trtllm_bench.checks import bench_checks
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.preflight.facts import Facts, gather
from runner.preflight.machine import machine_checks
from runner.profile import Profile, TorchProfile

_WORST_FIRST: tuple[Verdict, ...] = ("fail", "warn", "pass")


def check(profile: Profile | None = None) -> list[Check]:
    """Every check of a profile, worst first; without a profile those of the machine alone."""
    return judge(profile, gather(profile))


def judge(profile: Profile | None, facts: Facts) -> list[Check]:
    """The checks of a profile against given facts, worst first."""
    checks = list(_checks(profile, facts))
    if facts.refused and not failed(checks):  # most often a check above says the same, with its fix
        checks.append(Check("plan", "fail", facts.refused))
    return sorted(checks, key=lambda check: _WORST_FIRST.index(check.verdict))


def _checks(profile: Profile | None, facts: Facts) -> Iterator[Check]:
    ranks, on_gpu = 1, profile is None
    if isinstance(profile, TorchProfile):
        ranks, on_gpu = profile.parallel.tp, profile.model.device == "cuda"
    elif profile is not None:
        ranks, on_gpu = profile.parallel.ranks, True
    mpirun = not isinstance(profile, BenchProfile)  # trtllm-bench spawns its ranks without one
    yield from machine_checks(facts, ranks, on_gpu=on_gpu, needed=profile is not None, mpirun=mpirun)
    if isinstance(profile, TorchProfile):
        yield from _torch_checks(profile, facts)
    elif isinstance(profile, TrtllmProfile) and facts.seen is not None:
        yield from trtllm_checks(profile, facts, facts.seen)
    elif isinstance(profile, BenchProfile) and facts.seen is not None:
        yield from bench_checks(profile, facts, facts.seen)


def _torch_checks(profile: TorchProfile, facts: Facts) -> Iterator[Check]:
    if facts.seen is None:
        return
    for package in ("torch", "mpi4py"):
        version = facts.seen.packages.get(package)
        if version:
            yield Check(package, "pass", f"{version} in {facts.python}")
        else:
            fix = f"{facts.python} -m pip install 'trtbench-tui[torch]'"
            yield Check(package, "fail", f"not installed in {facts.python}", fix)
    tp, cores = profile.parallel.tp, facts.seen.cores
    if profile.model.device == "cpu" and tp > cores:
        text = f"{tp} ranks share {cores} cores, so they wait for each other and latency says little"
        yield Check("cores", "warn", text, f"--set parallel.tp={cores}")
    elif profile.model.device == "cpu":
        yield Check("cores", "pass", f"{cores} for {tp} {'rank' if tp == 1 else 'ranks'}")


def failed(checks: Sequence[Check]) -> bool:
    """Whether a run would fail."""
    return any(check.verdict == "fail" for check in checks)


def render(checks: Sequence[Check]) -> str:
    """The checks as text, each with its fix below it, and a last line that counts them."""
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        indent = " " * (width + 8)
        text = check.text.replace("\n", f"\n{indent}")
        lines.append(f"{check.verdict.upper()}  {check.name:<{width}}  {text}")
        if check.fix:
            lines.append(f"{indent}fix: {check.fix}")
    counts = [f"{sum(c.verdict == verdict for c in checks)} {verdict}" for verdict in _WORST_FIRST]
    return "\n".join([*lines, "", ", ".join(counts)]) + "\n"
