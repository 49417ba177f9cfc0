"""Parser of the results that TensorRT-LLM's benchmarks/python/benchmark.py and the torch engine print.

A result is a line with `[BENCHMARK]` and `key value` pairs, separated by spaces, values unquoted. With
`--csv` it is an unquoted row below a header. The name of the engine may contain spaces and commas, so a line
is split at the names of known keys, and a row is counted from its right end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# In upstream's order, which is also the order of CSV columns.
_NAMES = ("engine_dir", "model_name")
"""The name of the first key: since 0.12, and before."""
_SHAPE_KEYS = (
    "world_size",
    "num_heads",
    "num_kv_heads",
    "num_layers",
    "hidden_size",
    "vocab_size",
    "precision",
    "batch_size",
    "gpu_weights_percent",
    "input_length",
    "output_length",
    "gpu_peak_mem(gb)",
    "build_time(s)",
    "tokens_per_sec",
    "percentile95(ms)",
    "percentile99(ms)",
    "latency(ms)",
    "compute_cap",
    "quantization",
)
_GENERATION_KEYS = ("generation_time(ms)", "total_generated_tokens", "generation_tokens_per_second")
"""Missing for encoders and encoder-decoders, which are not profiled."""

KEYS = (*_NAMES, *_SHAPE_KEYS, *_GENERATION_KEYS)
MARK = "[BENCHMARK]"

_KEY = re.compile(r"(?<!\S)(" + "|".join(map(re.escape, KEYS)) + r")(?!\S)")
_LAUNCHER_PREFIX = re.compile(r"^(?:\[\d+,\d+\]<std(?:out|err)>:|\d+:) ?")
"""Open MPI's `--tag-output` and Slurm's `--label`."""
_COLUMNS = ((*_SHAPE_KEYS, *_GENERATION_KEYS), _SHAPE_KEYS)


def parse(line: str) -> dict[str, str] | None:
    """Return keys and values of a `[BENCHMARK]` line, as printed; None for any other line."""
    _, mark, text = line.partition(MARK)
    if not mark:
        return None
    # The name of the engine comes first and may contain a key: the last occurrence is the real one.
    last = {match[1]: match for match in _KEY.finditer(text)}
    found = sorted(last.values(), key=lambda match: match.start())
    ends = [match.start() for match in found[1:]] + [len(text)]
    values = {
        match[1]: _value(match[1], text[match.end() : end]) for match, end in zip(found, ends, strict=False)
    }
    return values if "latency(ms)" in values else None


def _value(key: str, text: str) -> str:
    """Return a value; only a name may contain spaces, the rest of the text is other output."""
    return text.strip() if key in _NAMES else next(iter(text.split()), "")


def parse_csv_row(line: str) -> dict[str, str] | None:
    """Return keys and values of a row of `--csv`; None for its header and for any other line."""
    fields = without_prefix(line).strip().split(",")
    for keys in _COLUMNS:
        name, row = fields[: -len(keys)], fields[-len(keys) :]
        values = dict(zip(keys, row, strict=False))
        if name and len(row) == len(keys) and _is_row(values):
            return {_NAMES[0]: ",".join(name), **values}
    return None


def _is_row(values: dict[str, str]) -> bool:
    try:
        int(values["world_size"]), int(values["batch_size"]), int(values["input_length"])
        float(values["latency(ms)"]), float(values["percentile99(ms)"])
    except ValueError:
        return False
    return True


def parse_result(line: str) -> dict[str, str] | None:
    """Return keys and values of a result in either form; None for any other line."""
    return parse(line) or parse_csv_row(line)


def results_in(text: str) -> Iterator[dict[str, str]]:
    """Yield every result in a text, such as a log, or a note in which a result is wrapped."""
    block = ""
    for line in text.split("\n"):
        plain = without_prefix(line).strip()
        if block and MARK not in plain and _continues(block, plain):
            block += " " + plain
            continue
        if block:
            yield from filter(None, [parse(block)])
        block = plain if MARK in plain else ""
        if not block and (row := parse_csv_row(plain)):
            yield row
    if block:
        yield from filter(None, [parse(block)])


def _continues(block: str, line: str) -> bool:
    """Check whether a line continues a wrapped result: with a new key, or the value of the last key."""
    if key := _KEY.match(line):
        return all(known[1] != key[1] for known in _KEY.finditer(block))
    return bool(line) and any(block.endswith(f" {key}") for key in KEYS)


def without_prefix(line: str) -> str:
    """Remove the prefix with which a launcher marks the rank that printed a line."""
    return _LAUNCHER_PREFIX.sub("", line, count=1)


def is_result(values: dict[str, str]) -> bool:
    """Check whether values have the keys of this format; other engines use other keys."""
    return any(name in values for name in _NAMES) and {"batch_size", "latency(ms)"} <= values.keys()


def csv_columns(rows: Sequence[dict[str, str]]) -> list[str]:
    """Return the header of upstream's CSV; it is shorter when no result was profiled."""
    name = next((name for name in _NAMES if name in rows[0]), _NAMES[0])
    profiled = any(key in row for row in rows for key in _GENERATION_KEYS)
    return [name, *_SHAPE_KEYS, *(_GENERATION_KEYS if profiled else ())]
