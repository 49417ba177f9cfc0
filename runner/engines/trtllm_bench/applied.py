"""Compare what a benchmark asked for with what the engine says that it applied."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple


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
        asked, applied = _asked(argv, limit.option), _applied(limit, values, log)
        if asked and applied and _plain(asked) != _plain(applied):
            yield f"asked for {limit.option} {asked}, the engine used {applied}"
    yield from _too_few_blocks(argv, values, log)


def _too_few_blocks(argv: Sequence[str], values: Mapping[str, str], log: str) -> Iterator[str]:
    """Yield that the KV cache has no room for all requests in flight, at their mean length."""
    asked, found = _number(_asked(argv, "concurrency")), _KV_TOKENS.findall(log)
    lengths = [_number(_first(values, names)) for names in _LENGTHS]
    if not found or asked is None or None in lengths:
        return
    each = sum(length for length in lengths if length is not None)
    fit = int(int(found[-1]) / each) if each > 0 else 0
    if each > 0 and fit < asked:
        yield (
            f"asked for {asked:.0f} in flight, but the KV cache has {found[-1]} tokens: {fit} requests of the"
            f" mean length {each:.0f}"
        )


def _asked(argv: Sequence[str], option: str) -> str:
    """Return the last value of an option of a command; empty when it is not given."""
    name, found = f"--{option}", ""
    for before, word in zip(["", *argv], argv, strict=False):
        if before == name:
            found = word
        elif word.startswith(f"{name}="):
            found = word.removeprefix(f"{name}=")
    return found


def _applied(limit: Limit, values: Mapping[str, str], log: str) -> str:
    stated = list(limit.in_log.finditer(log)) if limit.in_log else []
    if stated:
        return next(group for group in stated[-1].groups() if group)
    return _first(values, limit.in_report)


def _first(values: Mapping[str, str], names: Sequence[str]) -> str:
    return next((values[name] for name in names if name in values), "")


def _plain(text: str) -> str | float:
    """Return a value for comparison: 90.00% as 0.9, `Guaranteed No Evict` as `guaranteed_no_evict`."""
    number = _number(text.removesuffix("%"))
    if number is None:
        return text.strip().lower().replace(" ", "_")
    return round(number / 100, 6) if text.endswith("%") else number


def _number(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        return float(text)
    return None
