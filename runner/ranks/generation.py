"""One iteration: prefill and decoding of a batch, with three time marks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch

from runner.ranks.collectives import Muted, allocate_together
from runner.ranks.decoder import Cache, Decoder

T = TypeVar("T")


@dataclass(frozen=True)
class Timing:
    """The times of an iteration on this rank."""

    latency_ms: float
    """from the start of the prefill until the last token is known"""
    generation_ms: float
    """from the first token to the last; 0.0 if they are the same"""
    steps: int
    """decode steps after the first token"""
    step_ms: tuple[float, ...] = ()
    """of each decode step, if every step was timed"""


class Generation(Protocol):
    """The generation of a configuration; its cache and buffers exist, and `prefill` starts an iteration."""

    tokens: torch.Tensor
    """the new tokens of the last iteration, [batch, output_len] int64"""

    def prefill(self) -> None:
        """Fill the cache from the prompt and choose the first token."""

    def decode(self) -> None:
        """Append the newest token to the cache and choose the next one."""


class EagerGeneration:
    """Calls the operations of the decoder one by one; works on every device."""

    def __init__(self, decoder: Decoder, prompt: torch.Tensor, output_len: int) -> None:
        """`prompt` is [batch, input_len] int64.

        Raises:
            MemoryLackError: the cache does not fit on one of the ranks.
        """
        batch, input_len = prompt.shape
        self._decoder = decoder
        self._prompt = prompt
        # The last token is not fed back, so it needs no position.
        self._cache: Cache = allocate_together(
            decoder.collectives, lambda: decoder.new_cache(batch, input_len + output_len - 1)
        )
        self.tokens = prompt.new_zeros((batch, output_len))
        self._step = 0

    def prefill(self) -> None:
        self._cache.filled = self._step = 0
        self._choose(self._decoder.prefill(self._prompt, self._cache))

    def decode(self) -> None:
        newest = self.tokens[:, self._step]
        self._step += 1
        self._choose(self._decoder.decode(newest, self._cache))

    def _choose(self, logits: torch.Tensor) -> None:
        self.tokens[:, self._step] = self._decoder.greedy(logits)


def rehearse(decoder: Decoder, run: Callable[[], T]) -> T | None:
    """Run something alone on each of several ranks, so that memory runs out before ranks wait for each other.

    The same work with communication needs the same memory.

    Returns:
        What `run` returns; None, without running it, for a single rank.

    Raises:
        MemoryLackError: on every rank, if memory ran out on one.
    """
    ranks = decoder.collectives
    if ranks.world == 1:
        return None
    decoder.collectives = Muted(ranks)
    try:
        return allocate_together(ranks, run)
    finally:
        decoder.collectives = ranks


def first_steps(generation: Generation) -> None:
    """Run the prefill and one decode step: later ones need no more memory."""
    generation.prefill()
    if generation.tokens.shape[1] > 1:
        generation.decode()


class Marks(Protocol):
    """Time marks of an iteration: start, first token, and every further token or the last one."""

    def mark(self) -> None:
        """Mark the completion of all work until now, without waiting for a GPU."""

    def times_ms(self) -> list[float]:
        """Return milliseconds from the first mark to each mark; wait until all are reached."""

    def intervals_ms(self) -> list[float]:
        """Return milliseconds from each mark to the next; wait until all are reached."""


class CpuMarks:
    def __init__(self) -> None:
        self._at: list[int] = []

    def mark(self) -> None:
        self._at.append(time.perf_counter_ns())

    def times_ms(self) -> list[float]:
        return [(at - self._at[0]) / 1e6 for at in self._at]

    def intervals_ms(self) -> list[float]:
        return [(after - before) / 1e6 for before, after in zip(self._at, self._at[1:], strict=False)]


class CudaMarks:
    def __init__(self, count: int = 3) -> None:
        """`count`: how many marks there will be."""
        self._spare = [torch.cuda.Event(enable_timing=True) for _ in range(count)]
        for event in self._spare:
            event.record()  # which creates it, so that this is not part of what is timed
        self._recorded: list[torch.cuda.Event] = []

    def mark(self) -> None:
        event = self._spare.pop()
        event.record()
        self._recorded.append(event)

    def times_ms(self) -> list[float]:
        torch.cuda.synchronize()
        return [float(self._recorded[0].elapsed_time(event)) for event in self._recorded]

    def intervals_ms(self) -> list[float]:
        torch.cuda.synchronize()
        pairs = zip(self._recorded, self._recorded[1:], strict=False)
        return [float(before.elapsed_time(after)) for before, after in pairs]


def generate(generation: Generation, marks: Marks, *, every_step: bool = False) -> torch.Tensor:
    """Continue the prompt greedily; mark start, first token, and the last token or every further one.

    Returns:
        The new tokens, [batch, output_len] int64.
    """
    marks.mark()
    generation.prefill()
    marks.mark()
    steps = generation.tokens.shape[1] - 1
    for _ in range(steps):
        generation.decode()
        if every_step:
            marks.mark()
    if not every_step or not steps:
        marks.mark()
    return generation.tokens


def timed_generation(generation: Generation, *, every_step: bool = False) -> Timing:
    """Run one iteration and return its times: CUDA events on a GPU, the monotonic clock on a CPU."""
    steps = generation.tokens.shape[1] - 1
    count = 2 + max(1, steps if every_step else 1)
    marks: Marks = CudaMarks(count) if generation.tokens.is_cuda else CpuMarks()
    generate(generation, marks, every_step=every_step)
    times = marks.times_ms()
    first, last = times[1], times[-1]
    return Timing(
        latency_ms=last,
        generation_ms=last - first if steps else 0.0,
        steps=steps,
        step_ms=tuple(marks.intervals_ms()[1:]) if every_step and steps else (),
    )


def random_prompt(vocab_size: int, batch: int, input_len: int, seed: int) -> torch.Tensor:
    """Return token ids, [batch, input_len] int64 on the CPU; the same for the same arguments."""
    generator = torch.Generator()
    generator.manual_seed(seed)
    return torch.randint(0, vocab_size, (batch, input_len), generator=generator)
