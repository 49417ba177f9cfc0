"""The least time of a decode step, of a prefill and of many requests: the roofline model, as pure arithmetic.

A phase cannot be faster than the larger of two times: the bytes that it has to move / the bandwidth of the
memory, and the multiplications that it has to do / the matrix rate (Williams, Waterman, Patterson: "Roofline:
an insightful visual performance model", CACM 52(4), 2009). What is not counted makes the true least time
longer, never shorter: activations, what is read twice, kernel launches, communication.
"""

from __future__ import annotations

import msgspec

from runner.metrics.gpu_peaks import GpuPeak
from runner.plan.plan import DecodeReads


class Need(msgspec.Struct, frozen=True):
    """What one rank has to do in a phase."""

    bytes: float
    """read from and written to memory; of experts, as many as are expected (`expected_experts`)"""
    least_bytes: float
    """the same with as few experts as any choice of the tokens needs"""
    flops: float | None
    """None: the plan does not state the multiplications"""


class Floor(msgspec.Struct, frozen=True):
    """The least time of a phase."""

    memory_ms: float
    compute_ms: float | None
    """None: multiplications or matrix rate are not known"""

    @property
    def ms(self) -> float:
        return max(self.memory_ms, self.compute_ms or 0.0)

    @property
    def by_compute(self) -> bool:
        """Whether the multiplications take longer than the memory."""
        return self.compute_ms is not None and self.compute_ms > self.memory_ms


def mean_tokens(input_len: float, steps: float) -> float:
    """Return how many tokens of a sequence a decode step reads, mean of `steps` steps.

    Step s after the first token reads input length + s tokens: input length + (steps + 1) / 2 on average.
    """
    return input_len + (steps + 1) / 2


def expected_experts(reads: DecodeReads, tokens: float) -> float:
    """Return how many experts of a layer `tokens` tokens use together, if all are equally likely.

    With a of E experts for each token: E x (1 - (1 - a / E)^tokens).
    """
    experts = reads.experts
    if experts is None or not experts.total:
        return 0.0
    unused = float((1 - experts.active / experts.total) ** tokens)
    return experts.total * (1 - unused)


def decode_need(reads: DecodeReads, batch: float, tokens: float) -> Need:
    """Return the need of one decode step of `batch` sequences with `tokens` tokens each.

    Bytes: all weights once, and the keys and values of all tokens. FLOPs of each sequence: 2 for each weight
    that its token is multiplied with; 4 x attention width for each earlier token (query x key, and
    probability x value).
    """
    cache = batch * tokens * reads.kv_bytes_per_token
    flops = None
    if (work := reads.work) is not None:
        weights = work.layer_weights + work.head_weights
        flops = batch * (2.0 * weights + 4.0 * work.attention_width * tokens)
    return _with_experts(reads, reads.weight_bytes + cache, batch, flops)


def prefill_need(reads: DecodeReads, batch: float, input_len: float) -> Need:
    """Return the need of the prefill of `batch` prompts of `input_len` tokens.

    Bytes: all weights once, and the written keys and values. FLOPs of each prompt: 2 x weights of the layers
    for each token; the head for the last token; attention of each token to itself and those before it,
    n (n + 1) / 2 pairs.
    """
    cache = batch * input_len * reads.kv_bytes_per_token
    flops = None
    if (work := reads.work) is not None:
        pairs = input_len * (input_len + 1) / 2
        layers = 2.0 * work.layer_weights * input_len + 4.0 * work.attention_width * pairs
        flops = batch * (layers + 2.0 * work.head_weights)
    return _with_experts(reads, reads.weight_bytes + cache, batch * input_len, flops)


def requests_need(
    reads: DecodeReads, requests: int, input_len: float, output_len: float, at_once: int
) -> Need:
    """Return the need of many requests in flight, of the given mean lengths.

    `at_once` requests share a decode step at most, so there are at least requests x (output - 1) / at_once
    steps, each of which reads the weights. Prefills can share steps with them: their weights are not counted.
    Pipeline stages share keys, values and multiplications; the weights of all of them are read for each step,
    one stage after the other, or by as many smaller steps at the same time.
    """
    steps = max(0.0, output_len - 1)
    count = requests * steps / max(1, at_once)
    step, prompt = decode_need(reads, at_once, 0), prefill_need(reads, 1, input_len)
    tokens = mean_tokens(input_len, steps)
    cache = requests * (steps * tokens + input_len) * reads.kv_bytes_per_token / max(1, reads.stages)
    flops = None
    if reads.work is not None and step.flops is not None and prompt.flops is not None:
        attention = 4.0 * reads.work.attention_width * requests * steps * tokens
        flops = (count * step.flops + attention + requests * prompt.flops) / max(1, reads.stages)
    return Need(count * step.bytes + cache, count * step.least_bytes + cache, flops)


def floor_of(need: Need, reads: DecodeReads, peak: GpuPeak) -> Floor:
    """Return the least time of a need on a GPU."""
    rate = peak.rates.get(reads.work.dtype) if reads.work is not None else None
    compute = None if need.flops is None or rate is None else 1000 * need.flops / rate
    return Floor(1000 * need.bytes / peak.bandwidth, compute)


def impossible_ms(need: Need, peak: GpuPeak, steps: float = 1) -> float:
    """Return the time below which `steps` steps cannot have read their need.

    The L2 cache can hold a part of it from one step to the next: that much is subtracted for each step.
    """
    return 1000 * max(0.0, need.least_bytes - steps * peak.l2) / peak.bandwidth


def _with_experts(reads: DecodeReads, others: float, tokens: float, flops: float | None) -> Need:
    experts = reads.experts
    if experts is None:
        return Need(others, others, flops)
    least = min(experts.total, experts.active)
    return Need(
        others + expected_experts(reads, tokens) * experts.bytes, others + least * experts.bytes, flops
    )
