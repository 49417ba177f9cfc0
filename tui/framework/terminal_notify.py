"""Escape sequences for the window title, the bell and desktop notifications.

They are sent only to a terminal that supports them. tmux and screen forward a notification only if it is
wrapped in a sequence of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from runner.util.formatting import duration
from tui.text import PLAIN_TERMINALS, displayable, plain_text, shorten

if TYPE_CHECKING:
    from runner.profile.settings import NotifyBy
    from runner.state.run import LiveStatus
    from tui.screens.live.view import LiveView

BELL = "\a"
SAVE_TITLE = "\x1b[22;2t"
RESTORE_TITLE = "\x1b[23;2t"
MAX_LENGTH = 100


def supports_osc(environ: Mapping[str, str]) -> bool:
    """Check whether the terminal accepts operating system commands (OSC)."""
    return environ.get("TERM", "dumb") not in PLAIN_TERMINALS


def title_sequence(text: str) -> str:
    """Return the sequence that sets the window title; tmux and screen set the title of their own window."""
    return f"\x1b]2;{_sanitise(text)}{BELL}"


def notification_sequence(text: str, by: NotifyBy, environ: Mapping[str, str]) -> str:
    """Return the sequence that notifies the user; empty if notifications are off."""
    sequence = BELL if by in ("bell", "both") else ""
    if by in ("osc9", "both") and supports_osc(environ):
        sequence += _wrap_for_multiplexer(f"\x1b]9;{_sanitise(text)}{BELL}", environ)
    return sequence


def _wrap_for_multiplexer(sequence: str, environ: Mapping[str, str]) -> str:
    if environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY"):
        return f"\x1bP{sequence}\x1b\\"
    return sequence


def _sanitise(text: str) -> str:
    """Remove control characters: a profile's name must not end the sequence and start another."""
    return shorten(displayable(plain_text(text)), MAX_LENGTH)


def window_title(view: LiveView) -> str:
    """Return profile, stage and progress, short enough for the tab of a terminal."""
    profile, status, progress = view.header.profile, view.header.status, view.progress
    if not view.running:
        return f"{profile} · {status}"
    stages = [stage.name for stage in view.stages.stages if stage.mark == "running"]
    parts = [profile, stages[-1] if stages else status]
    if progress.number:
        parts.append(f"{progress.number}/{progress.total}")
    if progress.phase == "timed" and progress.num_runs:
        parts.append(f"{progress.measured}/{progress.num_runs}")
    return " · ".join(parts)


def notification_text(profile: str, status: LiveStatus, seconds: float) -> str:
    """Return the text of a notification about a run that has ended."""
    return f"{profile} {status} after {duration(seconds)}"
