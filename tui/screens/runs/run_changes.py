"""What a person says of runs and does with them: dialogs, and what follows from their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from runner.errors import UserError
from runner.history import labels, trash
from runner.history.run_entry import Entry
from runner.util.formatting import plural
from tui.screens.dialogs.ask import AskScreen, Question
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.text import plain

if TYPE_CHECKING:
    from tui.app import TrtbenchApp

Done = Callable[[], None]
"""called when something changed"""


def title_of(entry: Entry) -> str:
    return f"“{plain(entry.name)}”" if entry.name else plain(entry.profile)


def _which(entries: Sequence[Entry]) -> str:
    return title_of(entries[0]) if len(entries) == 1 else plural(len(entries), "run")


def _tell_problems(app: TrtbenchApp, task: Done) -> None:
    try:
        task()
    except UserError as error:
        app.notify_error(error)


async def ask_for_tags(app: TrtbenchApp, entries: Sequence[Entry], done: Done) -> None:
    """Tags of one run as they should be; of several, the ones to add and, with a dash, to take off."""
    one = entries[0] if len(entries) == 1 else None

    def words_of(text: str) -> tuple[list[str], list[str]]:
        return labels.tag_changes(text.replace(",", " ").split())

    def refusal(text: str) -> str:
        for word in [word for words in words_of(text) for word in words]:
            if not labels.TAG.fullmatch(word):
                return f"{word!r} cannot be a tag: {labels.TAG_RULE}"
        return ""

    def answered(text: str | None) -> None:
        if text is None:
            return

        def change() -> None:
            add, remove = words_of(text)
            if one is not None:
                remove += [tag for tag in one.tags if tag not in add and tag not in remove]
            for entry in entries:
                labels.tag(entry.run, add, remove)
            done()

        _tell_problems(app, change)

    about = (
        "All its tags, with spaces between them. They are yours: nothing in the run changes."
        if one
        else "Tags to put on all of them; -tag takes one off."
    )
    answer = "".join(f"{tag} " for tag in one.tags) if one else ""
    await app.open_dialog(AskScreen(Question(f"tags of {_which(entries)}", about, answer, refusal)), answered)


async def ask_for_note(app: TrtbenchApp, entry: Entry, done: Done) -> None:
    line = " ".join(entry.note.split())

    def answered(text: str | None) -> None:
        if text is None or text == line:
            return

        def change() -> None:
            labels.annotate(entry.run, text)
            done()

        _tell_problems(app, change)

    about = "A line to remember about this run; empty takes it back."
    question = Question(f"note on {title_of(entry)}", about, line, labels.note_refusal)
    await app.open_dialog(AskScreen(question), answered)


async def ask_for_name(app: TrtbenchApp, entry: Entry, done: Done) -> None:
    def answered(text: str | None) -> None:
        if text is None or text == entry.name:
            return

        def change() -> None:
            labels.rename(entry.run, text)
            done()

        _tell_problems(app, change)

    about = f"A name to show it by; empty shows the profile again. Its id stays {entry.run}."
    question = Question(f"name of {plain(entry.profile)}", about, entry.name, labels.name_refusal)
    await app.open_dialog(AskScreen(question), answered)


async def ask_to_delete(
    app: TrtbenchApp, entries: Sequence[Entry], done: Callable[[list[trash.Trashed]], None]
) -> None:
    """Move runs to the trash after a yes; says at once which of them is under way."""
    running = [entry for entry in entries if not entry.ended]
    if running:
        app.notify_error(
            UserError(f"{title_of(running[0])} is under way and cannot be deleted; x stops it first")
        )
        return

    def answered(yes: bool | None) -> None:
        if yes:
            _tell_problems(app, lambda: done(trash.delete([entry.run_dir for entry in entries])))

    names = [entry.run for entry in entries]
    listed = "\n".join(plain(name) for name in names[:5])
    more = f"\nand {len(names) - 5} more" if len(names) > 5 else ""
    question = ConfirmScreen(
        f"Move {_which(entries)} to the trash?",
        f"{listed}{more}\nu takes it back; the trash (b) keeps it until you empty it.",
        yes="delete",
        no="keep",
    )
    await app.open_dialog(question, answered)
