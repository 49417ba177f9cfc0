"""Preflight: find what would stop a run, or make its numbers unreliable, before it is started."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runner.engines.check import Check, Verdict
from runner.engines.facts import MachineFacts
from runner.engines.registry import find_engine, make_plan
from runner.preflight.all_nodes import check_nodes
from runner.preflight.gather import gather_facts
from runner.preflight.job import job_checks, waits_for_nodes
from runner.preflight.machine import machine_checks
from runner.run.device_locks import DeviceHolder, find_holders
from runner.schema.base import Profile
from runner.util.errors import UserError

_WORST_FIRST: tuple[Verdict, ...] = ("fail", "warn", "pass")


def check(profile: Profile | None = None) -> list[Check]:
    """Run the checks of a profile on this machine, worst first; without a profile those of the machine."""
    if profile is not None and waits_for_nodes(profile):
        return _worst_first(_job_checks(profile))
    return evaluate(profile, gather_facts(profile))


def check_all_nodes(profile: Profile) -> list[Check]:
    """Run the checks on all nodes of a profile that uses several machines, worst first.

    They start a short process on each node, so they are not part of `check`, which the dashboard runs for
    each profile that is selected. Empty: it uses one machine, or there is no plan, which `check` reports.
    """
    try:
        plan = make_plan(profile)
    except UserError:
        return []
    return _worst_first(check_nodes(profile, plan))


def evaluate(profile: Profile | None, facts: MachineFacts) -> list[Check]:
    """Return the checks of a profile for given facts, worst first."""
    checks = list(_checks(profile, facts))
    if facts.refused and not has_failures(
        checks
    ):  # a failed check above usually has the same reason, and a fix
        checks.append(Check("plan", "fail", facts.refused))
    return _worst_first(checks)


def _worst_first(checks: Iterable[Check]) -> list[Check]:
    return sorted(checks, key=lambda check: _WORST_FIRST.index(check.verdict))


def _job_checks(profile: Profile) -> Iterator[Check]:
    try:
        request = make_plan(profile).job
    except UserError as error:
        yield Check("plan", "fail", str(error))
        return
    assert request is not None, "such a profile has the section launch.slurm"
    yield from job_checks(request, profile)


def _checks(profile: Profile | None, facts: MachineFacts) -> Iterator[Check]:
    if profile is None:
        yield from machine_checks(facts, 1, on_gpu=True, needed=False)
        return
    engine = find_engine(profile.engine).preflight
    yield from machine_checks(
        facts,
        engine.local_ranks(profile),
        on_gpu=engine.uses_gpus(profile),
        needed=True,
        mpirun=engine.mpirun is not None and profile.launch.slurm is None,
    )
    if facts.probe is not None:
        yield from engine.checks(profile, facts, facts.probe)


def devices_in_use(profile: Profile) -> list[DeviceHolder]:
    """Return who holds devices of a profile now: a run that is started waits for them.

    Raises:
        UserError: there is no plan.
    """
    plan = make_plan(profile)
    return [] if plan.job is not None else find_holders(plan.devices)


def has_failures(checks: Sequence[Check]) -> bool:
    """Check whether a run would fail."""
    return any(check.verdict == "fail" for check in checks)


def render(checks: Sequence[Check]) -> str:
    """Return the checks as text, each with its fix below it, and a last line with their counts."""
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
