"""Dialogs that change tags, notes and names of runs, or delete runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from runner.history import labels, trash
from runner.history.run_entry import RunEntry
from runner.util.errors import UserError
from runner.util.formatting import plural
from tui.screens.dialogs.ask import AskScreen, Question
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.text import plain_text

if TYPE_CHECKING:
    from tui.app import TrtbenchApp

ChangeCallback = Callable[[], None]
"""called after a change"""


def title_of(entry: RunEntry) -> str:
    """Return the name of a run in quotes, or its profile."""
    return f"“{plain_text(entry.name)}”" if entry.name else plain_text(entry.profile)


def _subject(entries: Sequence[RunEntry]) -> str:
    return title_of(entries[0]) if len(entries) == 1 else plural(len(entries), "run")


def _notify_errors(app: TrtbenchApp, task: ChangeCallback) -> None:
    """Run a task; show its error as a notification."""
    try:
        task()
    except UserError as error:
        app.notify_error(error)


async def ask_for_tags(app: TrtbenchApp, entries: Sequence[RunEntry], done: ChangeCallback) -> None:
    """Ask for all tags of one run; for several runs, for tags to add and, with a dash, to remove."""
    single = entries[0] if len(entries) == 1 else None

    def changes_of(text: str) -> tuple[list[str], list[str]]:
        return labels.tag_changes(text.replace(",", " ").split())

    def tag_problem(text: str) -> str:
        for tag in [tag for tags in changes_of(text) for tag in tags]:
            if not labels.TAG.fullmatch(tag):
                return f"{tag!r} cannot be a tag: {labels.TAG_RULE}"
        return ""

    def answered(text: str | None) -> None:
        if text is None:
            return

        def change() -> None:
            add, remove = changes_of(text)
            if single is not None:
                remove += [tag for tag in single.tags if tag not in add and tag not in remove]
            for entry in entries:
                labels.tag(entry.run, add, remove)
            done()

        _notify_errors(app, change)

    about = (
        "All tags of the run, separated by spaces. Tags do not change the run."
        if single
        else "Tags to add to all of them; -tag removes a tag."
    )
    answer = "".join(f"{tag} " for tag in single.tags) if single else ""
    question = Question(f"tags of {_subject(entries)}", about, answer, tag_problem)
    await app.open_dialog(AskScreen(question), answered)


async def ask_for_note(app: TrtbenchApp, entry: RunEntry, done: ChangeCallback) -> None:
    """Ask for the note of a run."""

    line = " ".join(entry.note.split())

    def answered(text: str | None) -> None:
        if text is None or text == line:
            return

        def change() -> None:
            labels.annotate(entry.run, text)
            done()

        _notify_errors(app, change)

    about = "A note about this run; an empty note is removed."
    question = Question(f"note on {title_of(entry)}", about, line, labels.note_problem)
    await app.open_dialog(AskScreen(question), answered)


async def ask_for_name(app: TrtbenchApp, entry: RunEntry, done: ChangeCallback) -> None:
    """Ask for the displayed name of a run."""

    def answered(text: str | None) -> None:
        if text is None or text == entry.name:
            return

        def change() -> None:
            labels.rename(entry.run, text)
            done()

        _notify_errors(app, change)

    about = f"The displayed name; an empty name shows the profile. The id stays {entry.run}."
    question = Question(f"name of {plain_text(entry.profile)}", about, entry.name, labels.name_problem)
    await app.open_dialog(AskScreen(question), answered)


async def ask_to_delete(
    app: TrtbenchApp, entries: Sequence[RunEntry], done: Callable[[list[trash.TrashedRun]], None]
) -> None:
    """Ask whether to move runs to the trash; active runs are refused with an error."""
    running = [entry for entry in entries if not entry.ended]
    if running:
        app.notify_error(
            UserError(f"{title_of(running[0])} is running and cannot be deleted; stop it first (x)")
        )
        return

    def answered(yes: bool | None) -> None:
        if yes:
            _notify_errors(app, lambda: done(trash.delete([entry.run_dir for entry in entries])))

    names = [entry.run for entry in entries]
    listed = "\n".join(plain_text(name) for name in names[:5])
    more = f"\nand {len(names) - 5} more" if len(names) > 5 else ""
    question = ConfirmScreen(
        f"Move {_subject(entries)} to the trash?",
        f"{listed}{more}\nu restores; the trash (b) keeps runs until you empty it.",
        yes="delete",
        no="cancel",
    )
    await app.open_dialog(question, answered)
