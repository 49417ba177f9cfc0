"""Preflight: what would stop a run, or make its numbers doubtful, found before anything is started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.engines.check import Check, Verdict
from runner.engines.facts import Facts
from runner.engines.registry import engine_named
from runner.preflight.gather import gather
from runner.preflight.machine import machine_checks
from runner.schema.base import Profile

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
    if profile is None:
        yield from machine_checks(facts, 1, on_gpu=True, needed=False)
        return
    engine = engine_named(profile.engine).preflight
    yield from machine_checks(
        facts,
        engine.ranks(profile),
        on_gpu=engine.uses_gpus(profile),
        needed=True,
        mpirun=engine.mpirun is not None,
    )
    if facts.seen is not None:
        yield from engine.checks(profile, facts, facts.seen)


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
