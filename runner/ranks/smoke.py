"""A prompt and its continuation, printed for a person to judge: whether the weights and the decoder fit."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from runner.ranks.checkpoint import TOKENIZER
from runner.ranks.collectives import Mpi, SingleRank
from runner.ranks.decoder import Decoder
from runner.ranks.errors import StartError
from runner.ranks.generation import CpuMarks, generate, random_prompt
from runner.ranks.graphs import Preparation

PROMPT_TOKENS = 8
"""length of the prompt of random tokens, where there is no tokenizer"""
_MOST_CONFIG = 1 << 20


@dataclass(frozen=True)
class Prompt:
    """The tokens of a prompt, and why they are not those of its text."""

    tokens: list[int]
    no_text: str = ""


def print_answer(
    decoder: Decoder,
    link: SingleRank | Mpi,
    folder: Path,
    text: str,
    output_len: int,
    seed: int,
    tile_cache: str | None = None,
) -> None:
    """Generate greedily on all ranks; rank 0 prints prompt and continuation as upstream's run.py does.

    Args:
        decoder: the model, with room for the prompt and the continuation.
        link: the ranks.
        folder: Hugging Face folder with the tokenizer.
        text: the prompt.
        output_len: number of tokens to generate; printing ends earlier at an end-of-text token.
        seed: of the prompt of random tokens, where the folder has no tokenizer.
        tile_cache: folder with the tile sizes of kernels; None: they are not kept.

    Raises:
        StartError: the tokenizer cannot be read, or the prompt has no tokens or too many.
    """
    vocabulary = decoder.shape.vocab_size
    tokenizer, no_text = _tokenizer(folder) if link.rank == 0 else (None, "")
    prompt = link.broadcast(_prompt(tokenizer, no_text, text, vocabulary, seed) if link.rank == 0 else None)
    positions = decoder.cos.shape[0]
    if not prompt.tokens or len(prompt.tokens) + output_len > positions or max(prompt.tokens) >= vocabulary:
        raise StartError(
            f"the prompt of {len(prompt.tokens)} tokens cannot be continued: allowed are 1 to"
            f" {positions - output_len} tokens of the vocabulary of {vocabulary}; change smoke.prompt"
        )
    device = decoder.weights.embedding.device
    tokens = torch.tensor([prompt.tokens], dtype=torch.int64, device=device)
    generated = generate(Preparation(decoder, tile_cache).prepare(tokens, output_len), CpuMarks())[0].tolist()
    if link.rank != 0:
        return
    ends = _end_tokens(folder)
    answer = generated[: next((place for place, token in enumerate(generated) if token in ends), None)]
    lines = [f"No text, because {prompt.no_text}; token ids instead."] if prompt.no_text else []
    shown = (_ids(prompt.tokens), _ids(answer)) if tokenizer is None else (text, tokenizer.decode(answer))
    lines += [f'Input [Text 0]: "{shown[0]}"', f'Output [Text 0 Beam 0]: "{shown[1]}"', ""]
    sys.stdout.buffer.write("\n".join(lines).encode(errors="replace"))
    sys.stdout.flush()


def longest_prompt(text: str) -> int:
    """Return an upper bound of the number of tokens of a prompt: one a byte, and some special ones."""
    return max(PROMPT_TOKENS, len(text.encode(errors="replace")) + 16)


def _prompt(tokenizer: Any, no_text: str, text: str, vocabulary: int, seed: int) -> Prompt:
    if tokenizer is None:
        return Prompt(random_prompt(vocabulary, 1, PROMPT_TOKENS, seed)[0].tolist(), no_text)
    return Prompt(list(tokenizer.encode(text).ids))


def _tokenizer(folder: Path) -> tuple[Any, str]:
    """Return the tokenizer of a folder, or None and why there is none."""
    path = folder / TOKENIZER
    if not path.exists():
        return None, f"{folder} has no {TOKENIZER}"
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        return None, f"the package tokenizers cannot be imported ({error}): pip install tokenizers"
    try:
        return Tokenizer.from_file(str(path)), ""
    except Exception as error:  # the library raises the base class
        raise StartError(f"{path} cannot be read as a tokenizer: {error}") from error


def _end_tokens(folder: Path) -> set[int]:
    """Return the tokens that end a text, as the folder states them."""
    for name in ("generation_config.json", "config.json"):
        try:
            with open(folder / name, "rb") as file:
                content = json.loads(file.read(_MOST_CONFIG))
        except (OSError, ValueError, RecursionError):
            continue
        ends = content.get("eos_token_id") if isinstance(content, dict) else None
        if ends is not None:
            return {one for one in (ends if isinstance(ends, list) else [ends]) if isinstance(one, int)}
    return set()


def _ids(tokens: list[int]) -> str:
    return " ".join(map(str, tokens))
