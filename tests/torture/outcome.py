"""What one part of the torture did and found."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from runner.cli.main import main
from runner.util.exit_codes import ExitCode


@dataclass
class Outcome:
    """The figures of one part."""

    part: str
    figures: dict[str, int] = field(default_factory=dict)
    """what was counted: `{"kills": 12}`"""
    largest: dict[str, int] = field(default_factory=dict)
    """what was measured, its largest value: `{"MB supervisor": 31}`"""
    problems: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        self.figures[what] = self.figures.get(what, 0) + number

    def at_most(self, what: str, number: int) -> None:
        """Keep the largest of a figure."""
        self.largest[what] = max(number, self.largest.get(what, 0))

    def __str__(self) -> str:
        figures = ", ".join(f"{number} {what}" for what, number in (self.figures | self.largest).items())
        return f"{self.part}: {figures or 'nothing done'}; {len(self.problems)} problems"


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the sums and the largest figures of workers that did the same part."""
    whole = Outcome(outcomes[0].part)
    for outcome in outcomes:
        for what, number in outcome.figures.items():
            whole.count(what, number)
        for what, number in outcome.largest.items():
            whole.at_most(what, number)
        whole.problems += outcome.problems
    return whole


def timer(seconds: float) -> Callable[[], bool]:
    """Return a function that says whether a time is over."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def command(*words: str) -> tuple[int, str]:
    """Run a command in this process; returns its exit code and what it printed."""
    content = io.BytesIO()
    output = io.TextIOWrapper(content, encoding="utf-8", errors="replace", write_through=True)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            code = main(words)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, content.getvalue().decode(errors="replace")


def crash_of(*words: str) -> str:
    """Return how a command failed by an error of the program itself; empty: it did not."""
    try:
        code, output = command(*words)
    except BaseException as error:
        return f"{' '.join(words)}: {type(error).__name__}: {error}"
    return f"{' '.join(words)}: {output.strip()[-300:]}" if code == ExitCode.INTERNAL_ERROR else ""
