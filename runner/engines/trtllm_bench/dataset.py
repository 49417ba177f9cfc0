"""The requests of trtllm-bench: their summary, and the check of a user's file of requests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm_bench.profile import Dataset
from runner.ranks.dataset import all_lengths
from runner.run.layout import UNREADABLE
from runner.util.errors import UserError

MOST_PROBLEMS = 5
_BOTH_FROM, _IDS_FROM = Version.parse("0.16"), Version.parse("0.18")
_decoder = msgspec.json.Decoder()
_checked: dict[tuple[str, str, str], RequestSummary] = {}


@dataclass(frozen=True)
class RequestSummary:
    """A summary of all requests; lengths in tokens, None for requests that are text."""

    count: int
    mean_input: float | None
    mean_output: float
    longest: int | None
    """input and output together"""
    digest: str = ""
    """hash of the file; empty for generated requests, which their settings determine"""

    @property
    def shape(self) -> tuple[int, int]:
        """Mean lengths as whole numbers; 0 for inputs of unknown length."""
        return round(self.mean_input or 0), round(self.mean_output)


def token_key_of(version: Version) -> str:
    """Return the key of a prompt's tokens, or `both`.

    The key is `logits` in 0.14 and `input_ids` in 0.18. It is not documented when it changed. Versions ignore
    unknown keys, so versions in between get both.
    """
    if version >= _IDS_FROM:
        return "input_ids"
    return "both" if version >= _BOTH_FROM else "logits"


def summarize_settings(dataset: Dataset) -> RequestSummary:
    """Summarise the requests that the stage dataset generates."""
    return _made(
        dataset.lengths,
        (dataset.input_len, dataset.output_len),
        (dataset.input_spread, dataset.output_spread),
        dataset.num_requests,
        dataset.seed,
    )


@lru_cache(maxsize=32)
def _made(
    kind: str, means: tuple[int, int], spreads: tuple[int, int], count: int, seed: int
) -> RequestSummary:
    lengths = [means] if kind == "fixed" else all_lengths(kind, means, spreads, count, seed)
    return RequestSummary(
        count=count,
        mean_input=sum(entry for entry, _ in lengths) / len(lengths),
        mean_output=sum(output for _, output in lengths) / len(lengths),
        longest=max(entry + output for entry, output in lengths),
    )


def summarize_file(path: str, content: bytes | None, form: str) -> RequestSummary:
    """Summarise and check a user's file of requests.

    Raises:
        UserError: it cannot be read, or lines are not valid requests for this version; each with its number.
    """
    if content is None:
        raise UserError(
            f"dataset.file: {path} cannot be read",
            hint="give the path of a readable file, or remove the line",
        )
    digest = hashlib.blake2s(content, digest_size=6).hexdigest()
    key = (path, digest, form)
    found = _checked.get(key)
    if found is None:
        found = _checked[key] = _read(path, content, form, digest)
    return found


def _read(path: str, content: bytes, form: str, digest: str) -> RequestSummary:
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if not lines:
        raise UserError(f"{path}: has no request", hint=_EXAMPLE)
    problems: list[str] = []
    inputs: list[int] = []
    outputs: list[int] = []
    longest = 0
    for number, line in enumerate(lines, start=1):
        request, why = _request(line)
        why = why or "; ".join(_wrong(request, form))
        if why:
            problems.append(f"{path}:{number}: {why}")
            if len(problems) == MOST_PROBLEMS:
                problems.append(f"{path}: possibly more; only the first {MOST_PROBLEMS} are listed")
                break
            continue
        ids = request.get("input_ids", request.get("logits"))
        output = request["output_tokens"]
        outputs.append(output)
        if ids is not None:
            inputs.append(len(ids))
            longest = max(longest, len(ids) + output)
    if problems:
        raise UserError("\n".join(problems), hint=_EXAMPLE)
    all_known = len(inputs) == len(outputs)
    return RequestSummary(
        count=len(outputs),
        mean_input=sum(inputs) / len(inputs) if all_known else None,
        mean_output=sum(outputs) / len(outputs),
        longest=longest if all_known else None,
        digest=digest,
    )


_EXAMPLE = (
    'expected: one JSON object a line, like {"task_id": 0, "input_ids": [1, 2, 3], "output_tokens": 128}'
)


def _request(line: bytes) -> tuple[dict[str, Any], str]:
    if not line.strip():
        return {}, "is empty; remove the line"
    try:
        request = _decoder.decode(line)
    except UNREADABLE as error:
        return {}, f"is not JSON: {error}"
    if not isinstance(request, dict):
        return {}, "is not a JSON object"
    if "samples" in request:
        return {}, "is the other format of prepare_dataset.py; create the file with --stdout"
    return request, ""


def _wrong(request: dict[str, Any], form: str) -> Iterator[str]:
    if not _whole(request.get("task_id"), 0):
        yield f"task_id {_describe(request, 'task_id')}; allowed: a whole number, 0 or more"
    if not _whole(request.get("output_tokens"), 1):
        yield f"output_tokens {_describe(request, 'output_tokens')}; allowed: a whole number, 1 or more"
    given = [name for name in ("input_ids", "logits") if name in request]
    for name in given:
        ids = request[name]
        if not isinstance(ids, list) or not ids or not all(_whole(token, 0) for token in ids):
            yield f"{name} is not a list of tokens; allowed: whole numbers, at least one"
    prompt = request.get("prompt")
    if prompt is not None and not isinstance(prompt, str):
        yield "prompt is not text"
    if not given and prompt is None:
        yield "has neither input_ids nor prompt"
    if given == ["input_ids"] and prompt is None and form == "logits":
        yield "gives tokens as input_ids, which this version of trtllm-bench calls logits; rename the key"


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _describe(request: dict[str, Any], name: str) -> str:
    return f"is {request[name]!r}" if name in request else "is missing"
