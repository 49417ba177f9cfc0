"""What the form lists: fields, and the groups that fold the rest of them; pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from tui.screens.home.form import FormRow


@dataclass(frozen=True, slots=True)
class FormGroup:
    """The line of a section: its fields without those that the form shows first."""

    section: str
    """path of the section; empty: the fields of no section"""
    rows: tuple[FormRow, ...]
    unfolded: bool = False

    @property
    def key(self) -> str:
        """Identifies the group, also after a change; differs from the path of every field."""
        return f"{self.section}."

    @property
    def title(self) -> str:
        return self.section.replace(".", " · ") or "profile"

    @property
    def changed(self) -> int:
        """Number of its fields that differ from the saved profile."""
        return sum(row.changed for row in self.rows)


FormEntry = FormRow | FormGroup


def entries_of(rows: Sequence[FormRow], unfolded: Collection[str]) -> list[FormEntry]:
    """Return the fields that come first, then the groups of the others, with the fields of unfolded ones."""
    found: list[FormEntry] = [row for row in rows if row.first]
    for section, members in groupby((row for row in rows if not row.first), lambda row: row.field.section):
        group = FormGroup(section, tuple(members), section in unfolded)
        found.append(group)
        found += group.rows if group.unfolded else ()
    return found


def search_rows(rows: Sequence[FormRow], text: str) -> list[FormRow]:
    """Return the fields that have every word: those with all of them in the path, then in path and help."""
    words = text.lower().split()
    named = [row for row in rows if _has_all(row.field.path, words)]
    return named + [
        row for row in rows if row not in named and _has_all(f"{row.field.path} {row.field.help}", words)
    ]


def _has_all(text: str, words: Sequence[str]) -> bool:
    lowered = text.lower()
    return all(word in lowered for word in words)
