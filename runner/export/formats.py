"""The formats by name and by the ending of a file; a format's module is imported when it is written."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.errors import UserError
from runner.export import plots
from runner.export.destination import opened
from runner.export.plots import Plot
from runner.export.run_data import Subject


@dataclass(frozen=True)
class Format:
    module: str
    """has `write(subject, out)`, which may return sentences on what is left out"""
    endings: tuple[str, ...]
    """the first is given to a file whose name is ours; later ones are understood as well"""
    iterations: str = ""
    """`module.function` that writes raw iterations in this format; empty: none"""
    requests: str = ""
    """`module.function` that writes raw requests in this format; empty: none"""
    several: str = ""
    """`module.function` that writes the tables of several runs; empty: one run at a time"""
    text: bool = True


FORMATS = {
    "json": Format("json_document", (".json",)),
    "csv": Format(
        "table_csv",
        (".csv",),
        iterations="iterations_csv.write",
        requests="requests_csv.write",
        several="table_csv.write_several",
    ),
    "md": Format("table_markdown", (".md", ".markdown")),
    "parquet": Format(
        "parquet",
        (".parquet",),
        iterations="parquet.write_iterations",
        several="parquet.write_several",
        text=False,
    ),
    "html": Format("html", (".html", ".htm")),
    "prometheus": Format("prometheus", (".prom",)),
    "upstream-csv": Format("upstream_csv", (".csv",)),
}


def format_for(name: str | None, path: Path | None) -> str:
    """The format that is meant: as named, else by the ending of the file, else JSON.

    Raises:
        UserError: the ending of the file is that of no format.
    """
    if name is not None:
        return name
    if path is None or path.is_dir():
        return "json"
    for known, form in FORMATS.items():
        if path.suffix.lower() in form.endings:
            return known
    endings = ", ".join(dict.fromkeys(ending for form in FORMATS.values() for ending in form.endings))
    raise UserError(
        f"{path}: the ending {path.suffix!r} is that of no format; known are {endings}",
        hint=f"or say --format: {', '.join(FORMATS)}",
    )


Export = tuple[Path | None, list[str]]
"""the file that was written, and what was left out, in words"""


Part = Literal["table", "iterations", "requests"]


def export(run_dir: Path, name: str, path: Path | None, part: Part = "table") -> Export:
    """Write a run in a format; a directory gets a file named after the run, None is standard output.

    Raises:
        UserError: the run cannot be read, has nothing for this format, or the file cannot be written.
    """
    form = FORMATS[name]
    function = f"{form.module}.write" if part == "table" else getattr(form, part)
    if not function:
        able = [known for known, other in FORMATS.items() if getattr(other, part)]
        raise UserError(f"raw {part} are not written as {name}; use --format {' or '.join(able)}")
    if path is None and not form.text:
        raise UserError(f"{name} is not text: name a file with -o")
    path = _named(path, run_dir, ("" if part == "table" else f"-{part}") + form.endings[0])
    write = _function(function)
    subject = Subject(run_dir)
    with opened(path) as out:
        left_out: list[str] | None = write(subject, out)
    return path, left_out or []


def _function(name: str) -> Callable[..., list[str] | None]:
    module, _, function = name.partition(".")
    found: Callable[..., list[str] | None] = getattr(
        importlib.import_module(f"runner.export.{module}"), function
    )
    return found


def export_several(run_dirs: Sequence[Path], name: str, path: Path | None) -> Export:
    """Write the tables of several runs into one file, as `export` does.

    Raises:
        UserError: a run cannot be read, the format takes one run, or the file cannot be written.
    """
    form = FORMATS[name]
    if not form.several:
        able = [known for known, other in FORMATS.items() if other.several]
        raise UserError(
            f"{name} takes one run, these are {len(run_dirs)}; several go into {' or '.join(able)}"
        )
    if path is None and not form.text:
        raise UserError(f"{name} is not text: name a file with -o")
    if path is not None and path.is_dir():
        path = path / f"runs{form.endings[0]}"
    write = _function(form.several)
    subjects = [Subject(run_dir) for run_dir in run_dirs]
    with opened(path) as out:
        write(subjects, out)
    return path, []


def export_plot(run_dir: Path, plot: Plot, path: Path | None) -> Export:
    """Draw one plot of a run as SVG, as `export` does.

    Raises:
        UserError: the run cannot be read, has nothing to draw, or the file cannot be written.
    """
    path = _named(path, run_dir, f"-{plot}.svg")
    subject = Subject(run_dir)
    with opened(path) as out:
        plots.write(subject, out, plot)
    return path, []


def _named(path: Path | None, run_dir: Path, ending: str) -> Path | None:
    return path / (run_dir.name + ending) if path is not None and path.is_dir() else path
