"""The command `published`: numbers that others published, with their sources."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from runner.cli.options import SubCommands
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode

if TYPE_CHECKING:
    from runner.compare.published.rows import PublishedRow


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    published = commands.add_parser(
        "published",
        help="list numbers that NVIDIA and others published",
        description="List published numbers with program, version, GPU, shape and source. A run that matches"
        " one in model, precision, split, lengths, batching and GPU shows it below its final table; no number"
        " is interpolated.",
    )
    published.add_argument("--model", default="", metavar="NAME", help="only models with this in the name")
    published.add_argument("--gpu", default="", metavar="NAME", help="only GPUs with this in the name")
    published.add_argument("--json", action="store_true", help="print one JSON object per line")
    published.set_defaults(command=_published, without_runs=True)


def _published(arguments: argparse.Namespace) -> int:
    import msgspec

    from runner.compare.published.rows import published_rows, select_rows
    from runner.util.console import print_json

    rows = select_rows(arguments.model, arguments.gpu)
    if not rows:
        models = ", ".join(sorted({row.model for row in published_rows()}))
        raise UserError(
            f"no published number has model {arguments.model or 'any'!r} and GPU {arguments.gpu or 'any'!r};"
            f" models: {models}"
        )
    if arguments.json:
        print_json([msgspec.json.encode(row) for row in rows])
    else:
        sys.stdout.write("\n".join(_text(rows)) + "\n")
    return ExitCode.OK


def _text(rows: Iterable[PublishedRow]) -> Iterator[str]:
    """Yield the rows below their source, model by model."""
    ordered = sorted(rows, key=lambda row: (row.model, row.source, row.where))  # keeps the order of lengths
    for (model, source, where), found in groupby(ordered, lambda row: (row.model, row.source, row.where)):
        several = list(found)
        yield f"{model}, {where}, {several[0].date}: {source}"
        for row in several:
            yield "  " + _line(row)


def _line(row: PublishedRow) -> str:
    from runner.metrics import BY_NAME
    from runner.util.formatting import format_number

    metric = BY_NAME[row.metric]
    number = f"{format_number(row.value, metric.digits)} {metric.unit}"
    lengths = f"{row.input_len}/{row.output_len}" if row.input_len else "any lengths"
    work = f"batch {row.batch_size}" if row.batch_size else "in flight"
    if row.requests:
        work = f"{format_number(row.requests)} requests"
    split = f"tp {row.tp}" + (f" pp {row.pp}" if row.pp > 1 else "")
    return f"{number:>18}  {row.precision:<7} {split:<5} {lengths:>11}  {work:<16} {row.gpu}"
