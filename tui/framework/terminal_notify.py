"""What reaches a user who does not look: the title of the window, the bell, a notification of the desktop.

These are escape sequences for the terminal, so they are only for one that understands them, and tmux and
screen, which sit between, hand a notification on only when it is wrapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from runner.util.formatting import duration
from tui.text import PLAIN_TERMINALS, plain, shorten, shown

if TYPE_CHECKING:
    from runner.profile.settings import NotifyBy
    from runner.state.run import Status
    from tui.screens.live.view import LiveView

BELL = "\a"
KEEP_TITLE = "\x1b[22;2t"
RESTORE_TITLE = "\x1b[23;2t"
LONGEST = 100


def understands(environ: Mapping[str, str]) -> bool:
    """Whether the terminal takes operating system commands (OSC)."""
    return environ.get("TERM", "dumb") not in PLAIN_TERMINALS


def title(text: str) -> str:
    """The sequence that sets the title of the window; tmux and screen take it for their own."""
    return f"\x1b]2;{_safe(text)}{BELL}"


def notification(text: str, by: NotifyBy, environ: Mapping[str, str]) -> str:
    """What to send to the terminal so that the user hears of something; empty: nothing."""
    sequence = BELL if by in ("bell", "both") else ""
    if by in ("osc9", "both") and understands(environ):
        sequence += _through(f"\x1b]9;{_safe(text)}{BELL}", environ)
    return sequence


def _through(sequence: str, environ: Mapping[str, str]) -> str:
    if environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY"):
        return f"\x1bP{sequence}\x1b\\"
    return sequence


def _safe(text: str) -> str:
    """A profile's name must not end the sequence and start another."""
    return shorten(shown(plain(text)), LONGEST)


def title_of(view: LiveView) -> str:
    """Profile, stage and how far it is, as short as a tab of a terminal."""
    profile, status, progress = view.header.profile, view.header.status, view.progress
    if not view.running:
        return f"{profile} · {status}"
    stages = [stage.name for stage in view.stages if stage.mark == "running"]
    words = [profile, stages[-1] if stages else status]
    if progress.number:
        words.append(f"{progress.number}/{progress.total}")
    if progress.phase == "timed" and progress.num_runs:
        words.append(f"{progress.measured}/{progress.num_runs}")
    return " · ".join(words)


def said_of(profile: str, status: Status, seconds: float) -> str:
    """What a notification says about a run that has ended."""
    return f"{profile} {status} after {duration(seconds)}"
