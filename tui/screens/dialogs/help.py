"""The page behind `?`: what the keys of a screen do, and what its words mean."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from runner.metrics import BY_NAME
from runner.metrics.explain import in_sentences
from tui.keys.every import KEYS, ScreenName
from tui.keys.key import EVERYWHERE
from tui.text import fit, shown, width_of, wrap
from tui.widgets.rows import Panel, Row, Span, dim, row

_LIVE_TERMS = (
    ("stage", "one command of the run; `benchmark` is the measured one"),
    ("configuration", "one batch size (trtllm-bench: concurrency) with one pair of input and output length"),
    ("iteration", "one timed call of the whole batch; warm-up comes before and counts nowhere"),
    ("latency", "time of one iteration, from the call to the last token"),
    ("prefill", "latency minus generation time: up to the first token"),
    ("p50, p95", "half of the iterations, 95 % of them, were at most this slow; grey: too few to tell"),
    ("lines", "in the plot: ┈ p50, ┄ mean, ╌ p95 (from 20 iterations on); shaded: warm-up"),
    (
        "T H X ?",
        "an outlier and its cause: T throttled GPU, H busy host, X other process on a GPU of the run,"
        " ? unknown. It lies above the third quartile + 3 interquartile ranges, and 1 % above the median."
        " `d` has the evidence",
    ),
    (
        "steady",
        "WARMING: still moving towards its level, or fewer than 8 iterations; DRIFTING: moves by more than"
        " 1 % without slowing down; STEADY: neither. What is said of the first iterations changes no number",
    ),
    ("stall", "no iteration for ten times the median latency, and for ten seconds at least"),
    ("ETA", "time until the whole run is done; ≥: configurations to come take their duration at least"),
    ("tokens/s", "batch size x output length / mean latency, prefill included"),
    ("rank", "one process of the model; the others wait for the slowest"),
    ("in flight", "trtllm-bench: requests that are processed together; new ones join while others generate"),
    ("queued", "trtllm-bench: requests that wait in the engine until there is room for them"),
    ("KV cache", "trtllm-bench: share of the blocks for keys and values that requests hold"),
    ("memory", "of a GPU: in use before the run (shaded), by the run, and free"),
    ("SM, DRAM", "share of a GPU's multiprocessors, and of its memory bandwidth, that had work"),
    ("throttle", "why clocks are held down: P power cap, T H thermal, B power brake, W hardware, S sync"),
)
TERMS: dict[ScreenName, tuple[tuple[str, str], ...]] = {
    "home": (
        ("profile", "what to measure and how: model, ranks, batch sizes, lengths"),
        ("run", "one execution of a profile; it goes on when the terminal closes"),
        ("◆", "changed, and not saved; on the right it marks each field that differs from the saved one"),
        ("not saved", "profiles of a built engine, or of a run whose profile is gone; s saves one"),
        ("recent", "the built-in profiles that ran last"),
        (
            "tok/s",
            "tokens per second of the last finished run, in its best configuration; the bars before it are"
            " up to eight runs, the newest on the right: small differences, to 5 %, are drawn small",
        ),
        ("preflight", "checks of this machine for this profile, worst first; Enter asks when one fails"),
    ),
    "runs": (
        ("lost", "the run's supervisor was killed, or the machine restarted, before the run ended"),
        ("stopped", "somebody asked the run to stop; what was measured until then is kept"),
    ),
    "compare": (
        ("side", "one run, or several repeats of the same, of which each counts once"),
        ("fair", "nothing that is known changes the numbers without being what is compared"),
        ("FASTER", "the change matters and is beyond chance; SLOWER, BETTER and WORSE accordingly"),
        ("SAME", "whatever the true change is, it is too small to matter"),
        ("INCONCLUSIVE", "too few or too noisy measurements to say either; repeats decide"),
        ("NOT JUDGED", "nothing says how well the number is known"),
        ("interval", "where the true change lies, with 95 % confidence"),
    ),
    "live": _LIVE_TERMS,
    "result": (
        ("flag", "a reason to distrust a number; read these first"),
        ("grey", "the number is there, but its note says why it means little"),
        ("printed", "what the engine itself printed for the same quantity"),
        ("n", "how many timed iterations the number is made of"),
    ),
    "board": (
        ("cell", "one combination of values; every repeat of it is a run"),
        ("slice", "the axes that are neither down nor across, each held at one value"),
        (
            "±",
            "standard deviation of the runs of a cell, not of the iterations within one; the number"
            " before it is their geometric mean, the same that a comparison shows",
        ),
        ("★ best trade", "no other point of the same lengths has less latency and as many tokens/s"),
        ("▣ memory", "it ran out of memory; what is larger in all that costs memory is pruned"),
        ("▢ pruned", "not tried, because something smaller ran out of memory; the line below says what"),
        ("interleaved", "all cells once, then all again: a drift of the machine reaches each alike"),
        ("impossible", "a profile may not have these values together; the line below says why"),
    ),
}
_NAMES = {
    "home": "profiles",
    "runs": "runs",
    "live": "a run under way",
    "result": "the result of a run",
    "compare": "runs compared",
    "board": "a sweep",
}
ABOUT: dict[ScreenName, str] = {
    "compare": "Changes are from A, the first side, to the others. What differs and whether that is fair"
    " comes before the numbers; a verdict says only what the measured variation allows to say.",
    "home": "Choose a profile on the left, change it on the right if you like, and press Enter: the commands"
    " below are what will run. Changes stay with their profile until you save or undo them.",
    "runs": "Every run of this machine, the newest first. What ended opens as its table, what is under way"
    " opens live.",
    "live": "One run as it happens, or its replay. Everything here is read from the log of the run: leaving"
    " or coming back changes nothing about it.",
    "result": "The final table of a run, made of its log. Reasons to distrust a number come first; the line"
    " below the table says what the chosen number is made of.",
    "board": "Every combination of a sweep with its state and numbers. A process of its own starts the runs"
    " one after the other; it goes on when you leave. Enter opens the run behind a cell.",
}

Section = tuple[str, tuple[tuple[str, str], ...]]
"""a heading, and lines of a word with its meaning; a line without a word is plain text"""


def screen_sections(screen: ScreenName, more: tuple[Section, ...] = ()) -> tuple[Section, ...]:
    """What a screen is for, its keys and words, `more` about it, and every metric."""
    keys = tuple((key.name, f"{key.help}{_WHEN.get(key.when, '')}") for key in (*KEYS[screen], *EVERYWHERE))
    return (
        ("this screen", (("", ABOUT[screen]),)),
        ("keys", keys),
        ("words", TERMS[screen]),
        *more,
        *metric_sections(),
    )


def metric_sections() -> tuple[Section, ...]:
    """Every metric of the final table: what it is made of, and where that comes from."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for metric in BY_NAME.values():
        unit = f" ({metric.unit})" if metric.unit else ""
        text = in_sentences(metric)
        groups.setdefault(metric.group, []).append((f"{metric.title}{unit}", text))
    return tuple((f"metrics: {group}", tuple(lines)) for group, lines in groups.items())


WORDS = 16
"""cells for a word, with the gap after it"""
_WHEN = {
    "running": " (while it runs)",
    "ended": " (when it has ended)",
    "editing": " (while a field is edited)",
    "filtering": " (while one types a filter)",
    "filtered": " (in a filtered list)",
    "welcome": " (on a first start)",
}


def draw_sections(sections: tuple[Section, ...], width: int, height: int) -> list[Row]:
    drawn: list[Row] = []
    for title, lines in sections:
        drawn += [()] if drawn else []
        drawn.append(row(Span(title, "title")))
        style = "key" if title == "keys" else ""
        for word, meaning in lines:
            column = WORDS if word else 0
            wrapped = wrap(meaning, max(10, width - column - 2))
            if width_of(word) >= column and word:  # a long word stands above its meaning
                drawn.append(row("  ", Span(word, style)))
                word = ""
            for number, line in enumerate(wrapped):
                first = Span(fit("" if number else word, column), style)
                drawn.append(row("  ", first, dim(line) if column else line))
    return drawn


class HelpScreen(ModalScreen[None]):
    """Text to read; any of the usual keys closes it, arrows scroll when it is longer than the terminal."""

    CSS_PATH = "help.tcss"
    BINDINGS = [  # noqa: RUF012
        ("escape,q,question_mark,enter", "close"),
        ("up,k", "scroll_rows(-1)"),
        ("down,j", "scroll_rows(1)"),
        ("pageup", "scroll_rows(-10)"),
        ("pagedown,space", "scroll_rows(10)"),
    ]

    def __init__(
        self,
        screen: ScreenName,
        *,
        title: str = "",
        about: tuple[Section, ...] = (),
        more: tuple[Section, ...] = (),
    ) -> None:
        """Help of a screen; `about` comes first: what the cursor is on; `more` comes behind its words."""
        super().__init__()
        self._title = title or f"help: {_NAMES[screen]}"
        self._sections = (*about, *screen_sections(screen, more))

    def compose(self) -> ComposeResult:
        yield Panel(draw_sections, id="help", classes="dialog framed")

    def on_mount(self) -> None:
        panel = self._panel
        panel.border_title = shown(self._title)
        panel.border_subtitle = shown("esc closes   ↑ ↓ scroll")
        panel.update(self._sections)

    @property
    def _panel(self) -> Panel[tuple[Section, ...]]:
        return self.query_one("#help", Panel)

    def action_scroll_rows(self, by: int) -> None:
        self._panel.move_to(self._panel.top + by)

    def on_click(self, event: events.Click) -> None:
        """A click beside the page closes it."""
        if event.widget is self:
            self.dismiss()

    def action_close(self) -> None:
        self.dismiss()
