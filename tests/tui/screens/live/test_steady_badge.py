"""The badge of the live screen: steady or not yet, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import recorded_runs
from tests.support.recorder import Recorder
from tests.tui.screens.live.support import view_of
from tui.framework.rows import row_text
from tui.screens.live.health_line import health_rows


def badge_of(run: Recorder, root: Path, after_s: float = 0.0) -> tuple[str, str] | None:
    badge = view_of(run, root, after_s).health.badge
    return None if badge is None else (badge.word, badge.short)


def test_badge_needs_thirty_iterations_to_say_steady(tmp_path: Path) -> None:
    assert badge_of(recorded_runs.under_way(), tmp_path / "a") == ("WARMING", "7/8")
    few = badge_of(recorded_runs.under_way(iterations=29), tmp_path / "b")
    assert few is not None
    assert few[0] == "no trend seen yet"
    assert few[1].startswith("n 29, CV ")
    assert badge_of(recorded_runs.under_way(iterations=60), tmp_path / "c") == ("STEADY", "")
    assert badge_of(recorded_runs.queued(), tmp_path / "d") is None


def test_badge_says_when_there_will_be_too_few_iterations(tmp_path: Path) -> None:
    run = recorded_runs.under_way(iterations=2, num_runs=6, duration=10.0)
    assert badge_of(run, tmp_path / "a") == ("too few iterations", "2 of 6")
    run = recorded_runs.finished(1, iterations=3)
    assert badge_of(run, tmp_path / "b") == ("too few iterations", "3 of 3")


def test_wide_spread_or_a_problem_prevents_steady(tmp_path: Path) -> None:
    run = recorded_runs.under_way(iterations=0)
    for i in range(60):
        run.iterate(1, "timed", 1, base_ms=(3000, 6000, 4000)[i % 3], first=i)
    badge = badge_of(run, tmp_path / "a")
    assert badge is not None
    assert badge[0] == "no trend seen yet"
    run = recorded_runs.under_way(iterations=60)
    run.starve()
    badge = badge_of(run, tmp_path / "b")
    assert badge is not None
    assert badge[0] == "no trend seen yet"


def test_stalled_failed_and_stopped_runs_have_no_badge(tmp_path: Path) -> None:
    run = recorded_runs.under_way(iterations=60, num_runs=100)
    assert badge_of(run, tmp_path / "a", after_s=120) is None
    for status in ("failed", "stopped", "lost"):
        run = recorded_runs.under_way(iterations=60)
        run.end(status)
        assert badge_of(run, tmp_path / status) is None
    run = recorded_runs.under_way(iterations=60)
    run.end("finished")
    assert badge_of(run, tmp_path / "finished") == ("STEADY", "")


def test_a_starved_run_warns_instead_of_reassuring(tmp_path: Path) -> None:
    health = view_of(recorded_runs.starved(), tmp_path).health
    assert health.kind == "warn"
    assert health.lines[0].startswith("CPU overloaded: latencies include scheduling delay (processes waited")
    assert "63 % of the last 10 s, load 97.0 on 64 cores" in health.lines[0]
    assert health.badge is not None
    assert health.badge.kind == "quiet"
    assert health.badge.short == "n 9, CV 29 %"


def test_few_iterations_are_not_called_good(tmp_path: Path) -> None:
    few = view_of(recorded_runs.under_way(), tmp_path / "a").health
    assert (few.kind, few.lines) == ("quiet", ("no problems detected so far",))
    many = view_of(recorded_runs.under_way(iterations=60), tmp_path / "b").health
    assert (many.kind, many.lines) == ("good", ("no problems detected",))


def test_badge_reports_the_effect_of_differing_first_iterations(tmp_path: Path) -> None:
    run = recorded_runs.under_way(iterations=0)
    run.iterate(3, "timed", 1, 9000)
    run.iterate(40, "timed", 1, 6300, first=3)
    badge = view_of(run, tmp_path).health.badge
    assert badge is not None
    assert badge.word == "STEADY"
    assert badge.detail.startswith("without the first 3 the mean would move by -")
    assert badge.short.startswith("first 3: -")


@pytest.mark.parametrize(
    ("width", "badge"),
    [(120, "no trend seen yet  n 9, CV 29 %"), (78, "no trend seen yet"), (58, "")],
    ids=["whole", "word", "none"],
)
def test_badge_gives_way_to_a_problem(width: int, badge: str, tmp_path: Path) -> None:
    (line,) = health_rows(view_of(recorded_runs.starved(), tmp_path).health, width)
    assert row_text(line).startswith("! CPU overloaded: latencies include scheduling delay")
    assert row_text(line).endswith(badge)
    assert width == 120 or "(" not in row_text(line)
    assert ("no trend" in row_text(line)) == bool(badge)
