"""One benchmark as another program reports it, and the run that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from runner import events as ev
from runner.engines.imported import ImportedRun, safe_name, started
from runner.engines.imported_files import SourceFile
from runner.engines.interface import Importer
from runner.metrics.metric import Metric, imported_key
from runner.metrics.serving import MEAN_INPUT, MEAN_OUTPUT, REPORTED_BY, REQUESTS
from runner.plan.plan import UNKNOWN_CONCURRENCY, Configuration
from runner.util.bounds import is_odd_number
from runner.util.errors import UserError
from runner.util.formatting import plural

MOST_SHOWN = 60
"""fields without a metric that are listed; all of them are in the copy of the file"""
_MOST_CHARS = 80


@dataclass(frozen=True, kw_only=True)
class ForeignBenchmark:
    """One benchmark of a result file."""

    place: str
    """file, and the line or number of the benchmark in it, for messages"""
    model: str
    """empty: not stated"""
    settings: str
    """what else is the same for all benchmarks of a run: backend and version"""
    conditions: Mapping[str, str] = field(default_factory=dict)
    """the same as a comparison names them: `backend`, `device`; without the model"""
    metrics: Mapping[Metric, float]
    """numbers with the meaning and in the unit of a metric"""
    others: Mapping[str, str]
    """all other numbers and settings, under their own names"""
    concurrency: int = UNKNOWN_CONCURRENCY
    """most requests in flight; 0: no limit"""
    asked_lengths: tuple[int, int] | None = None
    """input and output length that were asked for, if the means of the requests are not stated"""
    gpus: int = 0
    """of the server; 0: not stated"""
    remarks: tuple[str, ...] = ()
    """what to know before comparing, as sentences"""

    @property
    def configuration(self) -> Configuration:
        """The work of the benchmark; requests are 0 if their number is not stated."""
        means = (round(self.metrics.get(MEAN_INPUT, 0)), round(self.metrics.get(MEAN_OUTPUT, 0)))
        input_len, output_len = self.asked_lengths or means
        return Configuration(
            batch_size=0,
            input_len=input_len,
            output_len=output_len,
            requests=round(self.metrics.get(REQUESTS, 0)),
            concurrency=self.concurrency,
        )


@dataclass(frozen=True)
class ForeignFile:
    """A result file with at least one benchmark."""

    source: SourceFile
    benchmarks: Sequence[ForeignBenchmark]


def reject_incomplete(benchmark: ForeignBenchmark, program: str) -> ForeignBenchmark:
    """Return a benchmark that has what defines a configuration.

    Raises:
        UserError: no request has finished, or the lengths are missing.
    """
    for metric in (REQUESTS, MEAN_INPUT, MEAN_OUTPUT):
        if not 0.5 <= benchmark.metrics.get(metric, 0.0) < 2**53:
            raise UserError(
                f"{benchmark.place}: this result of {program} cannot be compared: it has no {metric.title}",
                hint="give the result of a benchmark that generated tokens and finished requests",
            )
    return benchmark


def make_importer(
    engine: str, program: str, read: Callable[[SourceFile], ForeignFile | None], accepts: str
) -> Importer:
    """Return the importer of a program; the arguments are as in `make_runs` and `Importer`."""

    def runs(files: Sequence[ForeignFile], _: Sequence[int]) -> list[ImportedRun]:
        return make_runs(engine, program, files)

    return Importer(accepts=accepts, read=read, make_runs=runs, explain_failure=lambda _: "")


def make_runs(engine: str, program: str, files: Sequence[ForeignFile]) -> list[ImportedRun]:
    """Return the runs of files: one for each model and backend; a repeated configuration begins another run.

    Args:
        engine: name of the runs' engine.
        program: the program that measured, for people.
        files: the parsed files.
    """
    return [
        _make_run(engine, program, file.source, group, number)
        for file in files
        for number, group in enumerate(_groups(file.benchmarks))
    ]


def _groups(benchmarks: Sequence[ForeignBenchmark]) -> list[list[ForeignBenchmark]]:
    groups: list[list[ForeignBenchmark]] = []
    for one in benchmarks:
        fitting = (
            group
            for group in groups
            if (group[0].model, group[0].settings) == (one.model, one.settings)
            and all(other.configuration != one.configuration for other in group)
        )
        group = next(fitting, None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return groups


def _make_run(
    engine: str, program: str, source: SourceFile, benchmarks: Sequence[ForeignBenchmark], number: int
) -> ImportedRun:
    first = benchmarks[0]
    model = first.model.rstrip("/").rpartition("/")[2]
    words = [
        model or "model not stated",
        program,
        first.settings,
        plural(len(benchmarks), "configuration"),
        "imported",
    ]
    name = safe_name(model or source.path.stem)
    return ImportedRun(
        engine=engine,
        # Runs of one file are told apart by their names.
        name=f"{name}-{number + 1}" if number else name,
        summary=", ".join(word for word in words if word),
        events=list(_events(program, source, benchmarks)),
        configurations=[one.configuration for one in benchmarks],
        sources=(source,),
        stated={"model.name": first.model, **first.conditions} if first.model else dict(first.conditions),
    )


def _events(
    program: str, source: SourceFile, benchmarks: Sequence[ForeignBenchmark]
) -> Iterator[ev.AnyEvent]:
    gpus = benchmarks[0].gpus
    server = f"the server had {plural(gpus, 'GPU')}" if gpus else "the number of GPUs is not stated"
    remarks = [
        f"imported from {source.path.name}: no request was observed, every number is as {program} reported it"
        f" or derived from that; the times include the HTTP connection, {server}, the time of the run is the"
        " file's"
    ]
    several = len(benchmarks) > 1
    for index, one in enumerate(benchmarks):
        label = f"configuration {index + 1}: " if several else ""
        remarks += [label + text for text in one.remarks]
        if shown := [f"{name} {text}" for name, text in one.others.items()]:
            listed = shown[:MOST_SHOWN]
            if len(shown) > MOST_SHOWN:
                listed.append(f"and {len(shown) - MOST_SHOWN} more")
            remarks.append(f"{label}without a metric here, as reported: {', '.join(listed)}")
    for text in dict.fromkeys(remarks):
        yield ev.Notice(t=0, level="warning", text=text)
    for index, one in enumerate(benchmarks):
        yield started(index, one.configuration)
        yield ev.Serving(t=0, stage=index, phase="reporting", text="imported")
        # 15 digits are exact, and hide the rounding of a converted unit.
        mapped = {imported_key(metric): f"{value:.15g}" for metric, value in one.metrics.items()}
        # A limit of infinity is a setting, not a number; the copy of the file has it.
        others = {name: text for name, text in one.others.items() if not is_odd_number(text)}
        yield ev.Result(t=0, stage=index, values={**others, **mapped, REPORTED_BY: program})


def flatten(data: Mapping[str, object], leave_out: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return texts and numbers of a JSON object by their path (`a.b`); lists and long texts are left out."""
    found: dict[str, str] = {}
    for name, value in data.items():
        if name in leave_out:
            continue
        if isinstance(value, dict):
            found |= {f"{name}.{path}": text for path, text in flatten(value).items()}
        elif isinstance(value, (bool, int, float, str)) and value != "" and len(str(value)) <= _MOST_CHARS:
            found[name] = str(value)
    return found
