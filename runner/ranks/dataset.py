"""Makes the requests for trtllm-bench: a JSON object a line, the same ones for the same settings everywhere.

Run as a script by the interpreter of the measured processes, where nothing of ours is installed: standard
library only. `all_lengths` is used for planning, too.
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
"""Tokenizers have their special tokens below, or at the end where `tokenizer.json` names them."""
FILE = "requests.jsonl"


def all_lengths(
    kind: str, means: tuple[int, int], spreads: tuple[int, int], count: int, seed: int
) -> list[tuple[int, int]]:
    """Input and output length of each request, in tokens.

    Args:
        kind: `fixed`, `normal` (spread: standard deviation; below 1 is drawn again) or `uniform` (spread:
            most above or below the mean).
        means: of input and output.
        spreads: of input and output.
        count: number of requests.
        seed: of everything that is drawn.
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
        # Box-Muller by hand: Python promises the sequence of random() alone.
        normal = math.sqrt(-2 * math.log(1 - draw.random())) * math.cos(2 * math.pi * draw.random())
        length = round(mean + spread * normal)
        if length >= 1:
            return length


def tokens(vocabulary: int | None, model: str | None) -> list[int]:
    """Tokens that requests are made of: those of the vocabulary without the special ones.

    Args:
        vocabulary: its size; None: what the model says, else `DEFAULT_VOCABULARY`.
        model: folder with `config.json` and `tokenizer.json`, as far as there are such files.
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
    """The requests in order; `logits` is what versions before 0.17 call `input_ids`."""
    draw = random.Random(2 * options.seed + 1)
    known = tokens(options.vocab_size, options.model_dir)
    lengths = all_lengths(
        options.lengths,
        (options.input_len, options.output_len),
        (options.input_spread, options.output_spread),
        options.num_requests,
        options.seed,
    )
    names = {"logits": ["logits"], "input_ids": ["input_ids"], "both": ["logits", "input_ids"]}[options.form]
    for number, (entry, output) in enumerate(lengths):
        prompt = [known[math.floor(draw.random() * len(known))] for _ in range(entry)]
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
