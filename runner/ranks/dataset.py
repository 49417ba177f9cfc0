"""Make the requests for trtllm-bench: one JSON object per line, reproducible from the settings.

Run as a script by the interpreter of the measured processes, where this program is not installed: standard
library only. Planning uses `all_lengths`, too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
from collections.abc import Iterator
from typing import Any

DEFAULT_VOCABULARY = 32000
FIRST_TOKEN = 100
"""Tokenizers have their special tokens below this id, or at the end, where `tokenizer.json` names them."""
FILE = "requests.jsonl"


def all_lengths(
    kind: str, means: tuple[int, int], spreads: tuple[int, int], count: int, seed: int
) -> list[tuple[int, int]]:
    """Return input and output length of each request, in tokens.

    Args:
        kind: `fixed`, `normal` (spread: standard deviation; lengths below 1 are drawn again) or `uniform`
            (spread: largest distance from the mean).
        means: of input and output.
        spreads: of input and output.
        count: number of requests.
        seed: of all random numbers.
    """
    if kind == "fixed":
        return [means] * count
    draw = random.Random(2 * seed)
    return [
        (_length(kind, means[0], spreads[0], draw), _length(kind, means[1], spreads[1], draw))
        for _ in range(count)
    ]


def _length(kind: str, mean: int, spread: int, draw: random.Random) -> int:
    if kind == "uniform":
        return mean - spread + math.floor(draw.random() * (2 * spread + 1))
    while True:
        # Box-Muller by hand: Python guarantees only the sequence of random().
        normal = math.sqrt(-2 * math.log(1 - draw.random())) * math.cos(2 * math.pi * draw.random())
        length = round(mean + spread * normal)
        if length >= 1:
            return length


def tokens(vocabulary: int | None, model: str | None) -> list[int]:
    """Return the tokens for requests: the vocabulary without special tokens.

    Args:
        vocabulary: its size; None: as the model states, else `DEFAULT_VOCABULARY`.
        model: folder with `config.json` and `tokenizer.json`, if these files exist.
    """
    config = _read(model, "config.json")
    stated = config.get("vocab_size") or config.get("text_config", {}).get("vocab_size")
    size = vocabulary or (stated if isinstance(stated, int) else DEFAULT_VOCABULARY)
    special = {token.get("id") for token in _read(model, "tokenizer.json").get("added_tokens", [])}
    first = FIRST_TOKEN if size > 2 * FIRST_TOKEN else 0
    return [token for token in range(first, size) if token not in special] or [0]


def _read(folder: str | None, name: str) -> dict[str, Any]:
    if folder is None:
        return {}
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def requests(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the requests in order; versions before 0.17 use the name `logits` for `input_ids`."""
    draw = random.Random(2 * options.seed + 1)
    vocabulary = tokens(options.vocab_size, options.model_dir)
    lengths = all_lengths(
        options.lengths,
        (options.input_len, options.output_len),
        (options.input_spread, options.output_spread),
        options.num_requests,
        options.seed,
    )
    names = {"logits": ["logits"], "input_ids": ["input_ids"], "both": ["logits", "input_ids"]}[options.form]
    for number, (entry, output) in enumerate(lengths):
        prompt = [vocabulary[math.floor(draw.random() * len(vocabulary))] for _ in range(entry)]
        yield {"task_id": number, **dict.fromkeys(names, prompt), "output_tokens": output}


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description="make requests for trtllm-bench")
    options.add_argument("--output", required=True, help="folder to make")
    options.add_argument("--form", choices=["logits", "input_ids", "both"], default="input_ids")
    options.add_argument("--lengths", choices=["fixed", "normal", "uniform"], default="fixed")
    for name, default in (("input_len", 128), ("output_len", 128), ("input_spread", 0), ("output_spread", 0)):
        options.add_argument(f"--{name}", type=int, default=default)
    options.add_argument("--num_requests", type=int, default=1000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--vocab_size", type=int)
    options.add_argument("--model_dir", help="folder with the model's config.json and tokenizer.json")
    return options


def main() -> None:
    options = parser().parse_args()
    os.makedirs(options.output, exist_ok=True)
    path = os.path.join(options.output, FILE)
    with open(path, "w", encoding="ascii") as file:
        for request in requests(options):
            file.write(json.dumps(request, separators=(",", ":")) + "\n")
    print(f"{options.num_requests} requests written to {path}")


if __name__ == "__main__":
    main()
