"""The list of runs as text or JSON lines."""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec

from runner.history import Entry
from runner.table import duration


def as_text(entries: Iterable[Entry]) -> str:
    """One aligned line a run; says so when there is none."""
    rows = [("", "STATE", "PROFILE", "STARTED", "TOOK", "")]
    for entry in entries:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.started)) if entry.started else "?"
        name = entry.run.rpartition("_")[2]
        rows.append((name, entry.status, entry.profile, started, duration(entry.seconds), entry.cause))
    if len(rows) == 1:
        return "no runs yet; `trtbench-tui run quickstart` starts one\n"
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:5], widths, strict=True)]
        lines.append("  ".join([*cells, row[5]]).rstrip())
    return "\n".join(lines) + "\n"


def as_json(entries: Iterable[Entry]) -> str:
    """One JSON object a line."""
    return "".join(f"{msgspec.json.encode(_plain(entry)).decode()}\n" for entry in entries)


def _plain(entry: Entry) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(entry),
        "run_dir": str(entry.run_dir),
        "sweep": msgspec.to_builtins(entry.sweep),
    }
