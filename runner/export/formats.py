"""The formats by name and by file extension; the module of a format is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runner.export import plots
from runner.export.destination import open_output
from runner.export.plots import PlotName
from runner.export.run_data import RunData
from runner.util.errors import UserError


@dataclass(frozen=True)
class ExportFormat:
    """A format: its module, extensions and functions."""

    module: str
    """has `write(data, out)`, which may return sentences on what is left out"""
    endings: tuple[str, ...]
    """the first is the default of new files; the others are recognised too"""
    iterations: str = ""
    """`module.function` that writes every iteration in this format; empty: not supported"""
    requests: str = ""
    """`module.function` that writes every request in this format; empty: not supported"""
    several: str = ""
    """`module.function` that writes the tables of several runs; empty: not supported"""
    text: bool = True


FORMATS = {
    "json": ExportFormat("json_document", (".json",)),
    "csv": ExportFormat(
        "table_csv",
        (".csv",),
        iterations="iterations_csv.write",
        requests="requests_csv.write",
        several="table_csv.write_several",
    ),
    "md": ExportFormat("table_markdown", (".md", ".markdown")),
    "parquet": ExportFormat(
        "parquet",
        (".parquet",),
        iterations="parquet.write_iterations",
        several="parquet.write_several",
        text=False,
    ),
    "html": ExportFormat("html", (".html", ".htm")),
    "prometheus": ExportFormat("prometheus", (".prom",)),
    "upstream-csv": ExportFormat("upstream_csv", (".csv",)),
}


def format_for(name: str | None, path: Path | None) -> str:
    """Return the name of the format: `name`, else by the file extension, else JSON.

    Raises:
        UserError: the extension of the file is unknown.
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
        f"{path}: unknown file extension {path.suffix!r}; allowed: {endings}",
        hint=f"or set --format to one of {', '.join(FORMATS)}",
    )


WrittenExport = tuple[Path | None, list[str]]
"""the file that was written, and sentences on what was left out"""


ExportPart = Literal["table", "iterations", "requests"]


def export(run_dir: Path, name: str, path: Path | None, part: ExportPart = "table") -> WrittenExport:
    """Write a run; in a directory, the file is named after the run; None is standard output.

    Raises:
        UserError: the run cannot be read, has nothing for this format, or the file cannot be written.
    """
    form = FORMATS[name]
    function = f"{form.module}.write" if part == "table" else getattr(form, part)
    if not function:
        able = [known for known, other in FORMATS.items() if getattr(other, part)]
        raise UserError(f"{name} does not support {part}; use --format {' or '.join(able)}")
    if path is None and not form.text:
        raise UserError(f"{name} is not text: name a file with -o")
    path = _file_path(path, run_dir, ("" if part == "table" else f"-{part}") + form.endings[0])
    write = _function(function)
    data = RunData(run_dir)
    with open_output(path) as out:
        left_out: list[str] | None = write(data, out)
    return path, left_out or []


def _function(name: str) -> Callable[..., list[str] | None]:
    module, _, function = name.partition(".")
    found: Callable[..., list[str] | None] = getattr(
        importlib.import_module(f"runner.export.{module}"), function
    )
    return found


def export_several(run_dirs: Sequence[Path], name: str, path: Path | None) -> WrittenExport:
    """Write the tables of several runs into one file, as `export` does.

    Raises:
        UserError: a run cannot be read, the format takes one run, or the file cannot be written.
    """
    form = FORMATS[name]
    if not form.several:
        able = [known for known, other in FORMATS.items() if other.several]
        raise UserError(f"{name} supports one run, not {len(run_dirs)}; use --format {' or '.join(able)}")
    if path is None and not form.text:
        raise UserError(f"{name} is not text: name a file with -o")
    if path is not None and path.is_dir():
        path = path / f"runs{form.endings[0]}"
    write = _function(form.several)
    runs = [RunData(run_dir) for run_dir in run_dirs]
    with open_output(path) as out:
        write(runs, out)
    return path, []


def export_plot(run_dir: Path, plot: PlotName, path: Path | None) -> WrittenExport:
    """Draw one plot of a run as SVG, as `export` does.

    Raises:
        UserError: the run cannot be read, has nothing to draw, or the file cannot be written.
    """
    path = _file_path(path, run_dir, f"-{plot}.svg")
    data = RunData(run_dir)
    with open_output(path) as out:
        plots.write(data, out, plot)
    return path, []


def _file_path(path: Path | None, run_dir: Path, ending: str) -> Path | None:
    return path / (run_dir.name + ending) if path is not None and path.is_dir() else path
