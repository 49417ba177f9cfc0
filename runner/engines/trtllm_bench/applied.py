"""Compare what a benchmark asked for with what the engine says that it applied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from runner.engines.tensorrt_llm.applied import asked, difference, number, reduced_length


class Limit(NamedTuple):
    """An option, and where the engine states the value that it uses."""

    option: str
    in_report: tuple[str, ...]
    """names in the printed and in the JSON report"""
    in_log: re.Pattern[str] | None = None


LIMITS = (
    Limit(
        "max_batch_size",
        ("Max Runtime Batch Size", "world_info.max_batch_size"),
        re.compile(r"TRTGptModel maxBatchSize: (\d+)|\bmax_num_tokens=\d+, max_batch_size=(\d+)"),
    ),
    Limit(
        "max_num_tokens",
        ("Max Runtime Tokens", "world_info.max_num_tokens"),
        re.compile(r"TRTGptModel maxNumTokens: (\d+)|\bmax_num_requests=\d+, max_num_tokens=(\d+)"),
    ),
    Limit(
        "max_seq_len",
        (),
        re.compile(r"TRTGptModel maxSequenceLen: (\d+)|\bmax_seq_len=(\d+), max_num_requests="),
    ),
    Limit("kv_cache_free_gpu_mem_fraction", ("KV Memory Percentage", "world_info.kv_cache_percentage")),
    Limit(
        "scheduler_policy",
        ("Scheduling Policy", "world_info.scheduling_policy"),
        re.compile(r"Capacity Scheduler Policy: (\w+)"),
    ),
    Limit("tp", ("TP Size", "world_info.tp_size")),
    Limit("pp", ("PP Size", "world_info.pp_size")),
)
_KV_TOKENS = re.compile(r"Allocated [\d.]+ GiB for max tokens in paged KV cache \((\d{1,15})\)")
_LENGTHS = (
    ("Average Input Length (tokens)", "request_info.avg_input_length"),
    ("Average Output Length (tokens)", "request_info.avg_output_length"),
)


def differences(argv: Sequence[str], values: Mapping[str, str], log: str) -> Iterator[str]:
    """Yield a sentence for each difference between what was asked for and what was applied.

    Args:
        argv: the command of the benchmark.
        values: names and values of its report.
        log: its output, of which the last statement about a limit counts.
    """
    for limit in LIMITS:
        yield from difference(limit.option, asked(argv, limit.option), _applied(limit, values, log))
    yield from _too_few_blocks(argv, values, log)
    yield from reduced_length(log)


def _too_few_blocks(argv: Sequence[str], values: Mapping[str, str], log: str) -> Iterator[str]:
    """Yield that the KV cache has no room for all requests in flight, at their mean length."""
    wanted, found = number(asked(argv, "concurrency")), _KV_TOKENS.findall(log)
    lengths = [number(_first(values, names)) for names in _LENGTHS]
    if not found or wanted is None or None in lengths:
        return
    each = sum(length for length in lengths if length is not None)
    fit = int(int(found[-1]) / each) if each > 0 else 0
    if each > 0 and fit < wanted:
        yield (
            f"asked for {wanted:.0f} in flight, but the KV cache has {found[-1]} tokens:"
            f" {fit} requests of the mean length {each:.0f}"
        )


def _applied(limit: Limit, values: Mapping[str, str], log: str) -> str:
    stated = list(limit.in_log.finditer(log)) if limit.in_log else []
    if stated:
        return next(group for group in stated[-1].groups() if group)
    return _first(values, limit.in_report)


def _first(values: Mapping[str, str], names: Sequence[str]) -> str:
    return next((values[name] for name in names if name in values), "")
