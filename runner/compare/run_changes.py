"""What changed from one run of a profile to the next: settings, machine and software, as a few words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.compare.conditions import GPU_COUNT, conditions_of
from runner.events.journal import EventReader
from runner.history.run_entry import RunEntry
from runner.history.run_list import format_gpus
from runner.plan import redaction
from runner.profile.fields import default_at
from runner.profile.yaml_file import MOST_BYTES, Data, ProfileError, parse_yaml
from runner.report.environment import read_environment
from runner.run import layout
from runner.schema.axes import short_path
from runner.state.run import RunState
from runner.util.errors import UserError
from runner.util.files import read_file

NOT_SET = "–"
NOTHING = "nothing"
FIRST = "first run"
_HEAD = 1 << 16
"""Bytes of the log that are read: machine, GPUs and versions are at its beginning."""
_LONGEST = 24
"""characters of a value in a short text"""


@dataclass(frozen=True)
class RunChange:
    """One condition that differs from the previous run."""

    name: str
    before: str
    after: str

    @property
    def short(self) -> str:
        """`tp 1→2`"""
        before, after = (_shortened(value) for value in (self.before, self.after))
        return f"{short_path(self.name)} {before}→{after}"


def _shortened(value: str) -> str:
    line = " ".join(value.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


@dataclass(frozen=True)
class RunConditions:
    """What the numbers of a run depend on, as far as the beginning of its log and its profile say."""

    known: dict[str, str]
    profile: Data

    def value(self, name: str) -> str:
        """Return the value of a condition, else its default; empty: not known."""
        return self.known.get(name) or default_at(self.profile, name) or ""


def read_conditions(entry: RunEntry) -> RunConditions:
    """Read the conditions of a run; what cannot be read is left out."""
    try:
        plan = layout.load_plan(entry.run_dir)
    except UserError:
        return RunConditions({}, {})
    state = RunState()
    state.apply_all(EventReader(entry.run_dir / layout.EVENTS, limit=_HEAD).read())
    try:
        text = read_file(entry.run_dir / layout.PROFILE, MOST_BYTES + 1).decode()
        profile: Data = redaction.redact_profile(parse_yaml(text, layout.PROFILE)[0])
    except (OSError, UnicodeDecodeError, ProfileError):
        profile = {}
    where = read_environment(entry.run_dir, plan, state)
    known = conditions_of(where, entry.engine, "", profile)
    # The list of runs knows these from the whole log.
    known.pop("device", None)
    facts = {GPU_COUNT: format_gpus(entry.gpus), "machine": entry.host}
    known |= {name: value for name, value in facts.items() if value}
    return RunConditions(known, profile)


def changes_between(before: RunConditions, after: RunConditions) -> list[RunChange]:
    """Return the conditions that differ and that both runs know, settings of the profile first.

    A setting that only one profile has is compared with its default.
    """
    found = []
    for name in dict.fromkeys([*after.known, *before.known]):
        first, second = before.value(name), after.value(name)
        is_setting = "." in name or name in before.profile or name in after.profile
        if first != second and (is_setting or (first and second)):
            found.append(RunChange(name, first or NOT_SET, second or NOT_SET))
    return sorted(found, key=lambda change: "." not in change.name)


def previous_runs(entries: Iterable[RunEntry]) -> dict[str, RunEntry]:
    """Return the newest earlier run of the same profile by the id of a run; the first runs are left out.

    Runs of a sweep differ by what it varies, so they are no runs to compare others with; repeats are.
    """
    found: dict[str, RunEntry] = {}
    newest: dict[str, RunEntry] = {}
    for entry in sorted((one for one in entries if not one.foreign), key=lambda one: one.started):
        if entry.profile in newest:
            found[entry.run] = newest[entry.profile]
        if entry.sweep is None or not entry.sweep.values:
            newest[entry.profile] = entry
    return found


def changes_text(changes: Sequence[RunChange]) -> str:
    """Return the changes in one line."""
    return ", ".join(change.short for change in changes) or NOTHING
