"""Whether a run does well: everything found, the worst first; pure, made from its state."""

from __future__ import annotations

from collections import Counter

from runner.events.missing_readings import LOST
from runner.events.throttle_reasons import HARMLESS
from runner.history.run_feed import Feed
from runner.metrics.gpu_metrics import used
from runner.metrics.outlier_causes import LETTERS, Outlier
from runner.metrics.stall import STATES, Stall
from runner.state.outliers import Cause
from runner.state.run import RunState
from runner.stats.steady_state import FEWEST, Course
from runner.util.formatting import plural
from tui.screens.live.health_line import Badge, Health, Kind
from tui.screens.live.stage_strip import exit_words
from tui.text import plain

SKEWED = 0.02
"""A rank that is slower than the fastest by this share is worth a word."""
_MARKS: dict[str, tuple[Kind, str]] = {
    "WARMING": ("quiet", "WARMING"), "STEADY": ("good", "STEADY"), "DRIFTING": ("warn", "DRIFTING"),
}  # fmt: skip

_HALTED = "-Tt"
"""states of a process that do not end by themselves"""
_BLAMED: tuple[Cause, ...] = ("throttle", "process", "host")

Finding = tuple[Kind, str]


def health(feed: Feed, stall: Stall | None, slow: tuple[Outlier, ...], steady: Course | None) -> Health:
    """What a person has to know first; once the run has ended, how it ended."""
    ended = _ended(feed)
    badge = _badge(steady)
    if ended is not None:
        return Health(*ended, badge=badge)
    found = findings(feed.state, stall, slow, steady)
    if not found:
        if feed.state.configuration is None or not feed.state.configuration.last_t:
            return Health("quiet", ("nothing to worry about so far",), badge, brief=True)
        return Health("good", ("all well",), badge, brief=True)
    more = f"   (and {len(found) - 1} more: d)" if len(found) > 1 else ""
    kind, text = found[0]
    if stall is not None and text == stall.sentence:
        more = f"   d: why?   ({stall.suggestion})"
    return Health(kind, (text + more,), badge, brief=True)


def findings(
    state: RunState, stall: Stall | None, slow: tuple[Outlier, ...], steady: Course | None
) -> list[Finding]:
    """All that is not as it should be while a run is under way, the worst first."""
    found: list[Finding] = []
    if stall is not None:
        found.append(("bad", stall.sentence))
    if stall is None and state.heartbeat is not None:
        halted = [process for process in state.heartbeat.ranks if process.state in _HALTED]
        found += [("bad", f"rank {process.rank} is {STATES[process.state]}") for process in halted]
    lossy = [rank for rank in state.ranks.values() if rank.bye is not None and not rank.complete]
    found += [("bad", f"records of rank {rank.rank} are missing") for rank in lossy]
    for gpu in used(state):
        number, telemetry = gpu.identity.index, state.telemetry
        if gpu.reasons.get("all") == LOST:
            found.append(("bad", f"GPU {number} is lost: it needs a reset"))
            continue
        held = [reason for reason in telemetry.throttled_by(gpu) or () if reason not in HARMLESS]
        if held:
            heat = telemetry.latest(gpu, "temperature")
            degrees = "" if isinstance(heat, str) else f", {heat:.0f} °C"
            found.append(("warn", f"GPU {number} is slowed down: {', '.join(held)}{degrees}"))
    if state.telemetry.stale and state.telemetry.status is not None:
        found.append(("warn", f"GPUs: {plain(state.telemetry.status.text)}"))
    if state.lost_events:
        found.append(("warn", f"{state.lost_events} events are missing: the disk was full"))
    if state.skew is not None and state.skew[1] > SKEWED:
        rank, slower = state.skew
        found.append(("warn", f"rank {rank} is {100 * slower:.1f} % slower than the fastest"))
    warnings = [notice for notice in state.notices if notice.level == "warning"]
    found += [("warn", plain(notice.text)) for notice in reversed(warnings)]
    causes = Counter(outlier.cause for outlier in slow)
    for cause in _BLAMED:
        if causes[cause]:
            found.append(("warn", f"{plural(causes[cause], 'slow iteration')}: {LETTERS[cause][1]}"))
    if steady is not None and steady.verdict == "DRIFTING":
        found.append(("warn", steady.sentence))
    return found


def _badge(steady: Course | None) -> Badge | None:
    if steady is None:
        return None
    kind, word = _MARKS[steady.verdict]
    if steady.n < FEWEST:
        return Badge(kind, word, f"{steady.n} of {FEWEST} iterations", f"{steady.n}/{FEWEST}")
    if steady.verdict == "DRIFTING" and steady.drift is not None:
        change = _percent(steady.drift.change)
        return Badge(kind, word, f"by {change} over the measured phase", change)
    if steady.first:
        first, effect = f"first {steady.first}", _percent(steady.effect)
        return Badge(kind, word, f"without the {first} the mean would move by {effect}", f"{first}: {effect}")
    return Badge(kind, word, "", "")


def _percent(share: float) -> str:
    return f"{100 * share:+.1f} %".replace("-", "−")


# --- how it ended ------------------------------------------------------------------------------------------


def _ended(feed: Feed) -> tuple[Kind, tuple[str, ...]] | None:
    if feed.gone:
        return "bad", ("the run directory was deleted; this is what was known of the run until then",)
    state = feed.state
    if state.status in ("failed", "lost"):
        return "bad", _failed(state)
    if state.status == "finished":
        return "good", ("finished: Enter shows the result",)
    if state.status == "stopped":
        return "warn", (_stopped_by(state), "Enter shows what was measured until then")
    if state.status == "stopping":
        return "warn", (_stopped_by(state) + ": waiting for its processes to end",)
    return None


def _stopped_by(state: RunState) -> str:
    return f"stopped by {plain(state.stopping.by)}" if state.stopping else "stopped"


def _failed(state: RunState) -> tuple[str, ...]:
    stage, failure = state.stage, state.failure
    if failure is not None:
        lines = [plain(failure.cause), plain(failure.remedy)]
        lines.append(f"log: {plain(failure.log)}   l shows it" if failure.log else "")
    else:
        ended = exit_words(stage.exit_code) if stage else ""
        where = f"stage {stage.name} failed" if stage else "the run failed before its first stage"
        lines = [f"{where}: {ended}" if ended else where, "l shows its log" if stage else ""]
    return tuple(line for line in lines if line)
