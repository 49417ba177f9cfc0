"""The published numbers of the work of a run, and the differences that may explain the ratio.

A number is shown only if model, precision, split, lengths, kind of batching and GPU are the same. The form of
the GPU, the number of requests, limits and versions need not be: they usually explain a ratio below 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from runner.compare.published.rows import PublishedRow, gpu_family, published_rows
from runner.compare.sides import ComparedRun
from runner.engines.tensorrt_llm.versions import Version, version_of
from runner.plan.plan import in_flight
from runner.plan.workload import Workload, same_shape_name
from runner.report.model import ConfigurationReport, PublishedNumber, Report
from runner.util.formatting import format_number

MOST = 2
"""Published numbers of one configuration that are shown if the version that ran is not known."""
_PROGRAMS = {("trtllm-bench", "engine"): "trtllm-bench", ("trtllm", "engine"): "benchmark.py"}
_PROGRAMS |= {("trtllm-bench", "pytorch"): "trtllm-bench, PyTorch backend"}
_OF_ANY_ENGINE = "decode_ceiling_percent"
"""A share of the memory bandwidth does not depend on the program that reached it."""
_KV_FRACTION = 0.95
"""In most of NVIDIA's published runs, where it fits; their documents say so."""


def with_published(report: Report, run_dir: Path) -> Report:
    """Return the report with the published numbers of the same work, for each configuration.

    Reads the plan of the run; its log only if there is such a number.
    """
    run = ComparedRun(run_dir)
    if run.plan.workload is None:
        return report
    return add_published_numbers(report, run.plan.workload, lambda: run.environment.versions)


def add_published_numbers(
    report: Report, workload: Workload, versions: Callable[[], dict[str, str]]
) -> Report:
    """Return the report with the published numbers of a workload; asks for versions only if there are any."""
    matches = [_matching_rows(report, one, workload) for one in report.configurations]
    if not any(matches):
        return report
    ran = version_of(versions().get("TensorRT-LLM", ""))
    configurations = [
        replace(one, published=[_compared(row, report, one, workload, ran) for row in _nearest(rows, ran)])
        for one, rows in zip(report.configurations, matches, strict=True)
    ]
    return replace(report, configurations=configurations)


def _matching_rows(report: Report, one: ConfigurationReport, workload: Workload) -> list[PublishedRow]:
    if len(families := {gpu_family(name) for name in report.gpus}) != 1:
        return []
    (family,) = families
    program = _PROGRAMS.get((report.engine, workload.backend), "")
    model = same_shape_name(workload.model)
    return [
        row
        for row in published_rows()
        if row.metric == _OF_ANY_ENGINE or row.program == program
        if same_shape_name(row.model) == model
        and (row.tp, row.pp, row.precision) == (workload.tp, workload.pp, workload.precision)
        and gpu_family(row.gpu) == family
        and _same_lengths(row, one)
        and _value(one, row.metric) is not None
    ]


def _nearest(rows: list[PublishedRow], ran: Version | None) -> list[PublishedRow]:
    """Return the rows of the versions on both sides of the one that ran; without it, of the newest ones."""
    of_version = [(version, row) for row in rows if (version := version_of(row.version)) is not None]
    of_version.sort(key=lambda one: one[0].exact)
    others = [row for row in rows if version_of(row.version) is None]
    if ran is None:
        return [row for _, row in of_version[-MOST:]] + others
    before = [row for version, row in of_version if version < ran][-1:]
    after = [row for version, row in of_version if ran < version][:1]
    return ([row for version, row in of_version if version == ran] or before + after) + others


def _same_lengths(row: PublishedRow, one: ConfigurationReport) -> bool:
    """Check that batching and lengths are the same; a row without lengths fits all."""
    if row.batch_size != one.batch_size:
        return False
    return not row.input_len or (row.input_len, row.output_len) == (one.input_len, one.output_len)


def _value(one: ConfigurationReport, metric: str) -> float | None:
    return next((cell.value for cell in one.rows if cell.metric == metric), None)


def _compared(
    row: PublishedRow, report: Report, one: ConfigurationReport, workload: Workload, ran: Version | None
) -> PublishedNumber:
    value = _value(one, row.metric)
    assert value is not None  # only such rows match
    return PublishedNumber(
        metric=row.metric,
        value=row.value,
        ratio=value / row.value,
        where=row.where,
        gpu=row.gpu,
        date=row.date,
        source=row.source,
        differences=tuple(_differences(row, report, one, workload, ran)),
    )


def _differences(
    row: PublishedRow, report: Report, one: ConfigurationReport, workload: Workload, ran: Version | None
) -> Iterator[str]:
    """Yield what differs, the most likely explanation of a lower number first."""
    if other := next((name for name in report.gpus if name != row.gpu), None):
        yield f"{other} instead of {row.gpu}"
    if in_flight(one) and one.concurrency > 0:
        yield f"at most {one.concurrency} requests in flight instead of no limit"
    if row.requests and one.requests and one.requests != row.requests:
        yield f"{format_number(one.requests)} requests instead of {format_number(row.requests)}"
    if in_flight(one) and (workload.kv_fraction or 0) < _KV_FRACTION:
        stated = f"{workload.kv_fraction:g}" if workload.kv_fraction else "left at its default"
        yield f"share of memory for the KV cache {stated} instead of {_KV_FRACTION:g}"
    yield from workload.limits
    if row.version and row.metric != _OF_ANY_ENGINE:
        if ran is None:
            yield f"the version of TensorRT-LLM that ran is not known; the published one is {row.version}"
        elif ran != version_of(row.version):
            yield f"TensorRT-LLM {ran} instead of {row.version}"
    if workload.model.lower() != row.model.lower():
        yield f"{workload.model} instead of {row.model}, which has the same shape"
