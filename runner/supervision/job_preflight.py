"""Preflight inside a job, before its first stage: only then its nodes are known."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from runner import events as ev
from runner import preflight
from runner.engines.check import Check
from runner.plan.plan import Plan
from runner.preflight.all_nodes import check_nodes, runs_in_image
from runner.profile.yaml_file import load_text
from runner.run import layout
from runner.supervision.run_log import RunLog
from runner.util.foreign_text import one_line

logger = logging.getLogger(__name__)


def check_before_stages(plan: Plan, run_log: RunLog, stop_wanted: Callable[[], bool]) -> ev.RunStatus | None:
    """Check the first node, then all, and log what is found.

    Returns:
        RunStatus | None: how the run ends because of what is found; None: it continues.

    It takes a few seconds, at most a minute; a wanted stop ends the wait for other nodes.
    """
    text = (run_log.run_dir / layout.PROFILE).read_text(encoding="utf-8")
    profile = load_text(text, layout.PROFILE)
    first = [] if runs_in_image(profile) else preflight.check(profile)
    first = [one for one in first if one.verdict != "pass"]
    checks = [*first, *check_nodes(profile, plan, run_log.run_dir, is_cancelled=stop_wanted)]
    logger.info("checked the nodes: %s", "; ".join(f"{check.name} {check.verdict}" for check in checks))
    if stop_wanted():
        return "stopped"
    for check in checks:
        if check.verdict == "pass":
            run_log.emit(ev.Notice(t=time.monotonic_ns(), level="info", text=_sentence(check)))
        else:
            run_log.warn(_sentence(check))
    failing = [check for check in checks if check.verdict == "fail"]
    if not failing:
        return None
    more = f", and {len(failing) - 1} more" if len(failing) > 1 else ""
    run_log.fail(f"{_sentence(failing[0])}{more}", remedy=failing[0].fix)
    return "failed"


def _sentence(check: Check) -> str:
    return one_line(f"{check.name}: {check.text}".replace("\n", " · "))
