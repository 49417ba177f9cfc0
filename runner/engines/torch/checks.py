"""Checks of a torch profile: packages, GPU memory and cores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from runner.engines.check import Check, gib
from runner.engines.facts import MachineFacts, ProbeAnswer
from runner.engines.model_shape import read_shape
from runner.engines.torch.profile import TorchProfile
from runner.errors import UserError, install_extra
from runner.ranks.memory import (
    ELEMENT_BYTES,
    configuration_need,
    describe_lack,
    start_need,
    weights_need,
)
from runner.ranks.shape import DecoderShape


def checks(profile: TorchProfile, facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    """Yield the checks of a torch profile."""
    for package in ("torch", "mpi4py"):
        version = probe.packages.get(package)
        if version:
            yield Check(package, "pass", f"{version} in {facts.python}")
        else:
            fix = f"{facts.python} -m {install_extra('torch')}"
            yield Check(package, "fail", f"not installed in {facts.python}", fix)
    if profile.model.device == "cuda" and (check := _memory(profile, facts)) is not None:
        yield check


def _memory(profile: TorchProfile, facts: MachineFacts) -> Check | None:
    """Compare what each configuration needs on a GPU with what is free; None: the shape is not known."""
    shape, tp, model = _decoder_shape(profile), profile.parallel.tp, profile.model
    if shape is None:
        return None
    element = ELEMENT_BYTES[model.dtype]
    pairs = profile.benchmark.input_output_len
    sizes = [(batch, *pair) for pair in pairs for batch in profile.benchmark.batch_size]
    needs = {
        one: configuration_need(shape, tp, element, *one)._replace(context=start_need(tp)) for one in sizes
    }
    largest = max(needs.values(), key=lambda need: need.total)
    if not facts.gpus:
        text = f"{largest} a GPU at most; what is free is not known (nvidia-smi did not answer)"
        return Check("GPU memory", "warn", text)
    # Which of them CUDA_VISIBLE_DEVICES names is not known here: the emptiest ones count.
    used = sorted(facts.gpus, key=lambda gpu: gpu.used - gpu.total)[:tp]
    least = min(used, key=lambda gpu: gpu.total - gpu.used)
    free = least.total - least.used
    weights = weights_need(shape, tp, element)._replace(context=start_need(tp))
    fix = "raise parallel.tp, or lower batch size, lengths or the bits of model.dtype"
    if weights.total > free:
        text = f"the model does not fit on a GPU: {describe_lack(weights, free, least.total)}"
        return Check("GPU memory", "fail", text, fix)
    too_large = [one for one, need in needs.items() if need.total > free]
    if not too_large:
        text = f"{largest} a GPU at most, and {gib(free)} of {gib(least.total)} are free"
        return Check("GPU memory", "pass", text)
    lack = describe_lack(needs[too_large[0]], free, least.total)
    if len(too_large) == len(sizes):
        return Check("GPU memory", "fail", f"no configuration fits: {lack}", fix)
    return Check("GPU memory", "warn", f"{_named(too_large)} will be skipped: {lack}", fix)


def _decoder_shape(profile: TorchProfile) -> DecoderShape | None:
    """Return the shape as the ranks know it; None: the folder of the model cannot be read."""
    try:
        shape = profile.model.shape or read_shape(Path(profile.model.dir or ""))
    except UserError:
        return None
    return DecoderShape(**msgspec.structs.asdict(shape))


def _named(sizes: list[tuple[int, int, int]]) -> str:
    """Return `batch 64 1024→128, ...`, at most three."""
    names = [f"batch {batch} {entry}→{output}" for batch, entry, output in sizes[:3]]
    return ", ".join(names) + (", ..." if len(sizes) > 3 else "")
