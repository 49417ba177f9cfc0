"""Checks of a torch profile: packages, GPU memory and cores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner.engines.check import Check, gib, gpu_memory_brief
from runner.engines.facts import MachineFacts, ProbeAnswer
from runner.engines.model_shape import read_shape
from runner.engines.mpi import ranks_here
from runner.engines.torch.memory import Sizes, configuration_needs, decoder_shape
from runner.engines.torch.profile import TorchProfile
from runner.ranks.checkpoint import TOKENIZER
from runner.ranks.memory import ELEMENT_BYTES, describe_lack, weights_need, with_start
from runner.ranks.shape import DecoderShape
from runner.util.errors import UserError, install_extra


def checks(profile: TorchProfile, facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    """Yield the checks of a torch profile."""
    for package in ("torch", "mpi4py"):
        version = probe.packages.get(package)
        if version:
            yield Check(package, "pass", f"{version} in {facts.python}")
        else:
            fix = f"{facts.python} -m {install_extra('torch')}"
            text = f"not installed in {facts.python}"
            yield Check(package, "fail", text, fix, f"{package} is not installed")
    if profile.model.weights == "checkpoint":
        yield from _weights(profile, facts, probe)
    on_gpus = profile.model.device == "cuda"
    check = _memory(profile, facts) if on_gpus else _host_memory(profile, probe)
    if check is not None:
        yield check


def _weights(profile: TorchProfile, facts: MachineFacts, probe: ProbeAnswer) -> Iterator[Check]:
    """Describe the checkpoint, and find what its smoke stage lacks to print text."""
    if facts.plan is not None and facts.plan.weights is not None:
        yield Check("weights", "pass", f"{facts.plan.weights} in {facts.plan.weights.folder}")
    has_tokenizer = (Path(profile.model.dir or "").expanduser() / TOKENIZER).exists()
    if profile.smoke.prompt is not None and has_tokenizer and "tokenizers" not in probe.packages:
        fix = f"{facts.python} -m {install_extra('tokenizers')}"
        text = f"tokenizers is not installed in {facts.python}: the smoke stage prints token ids, not text"
        yield Check("tokenizer", "warn", text, fix)


def _host_memory(profile: TorchProfile, probe: ProbeAnswer) -> Check | None:
    """Warn if weights and cache of the ranks here exceed the free memory of the host; None: they do not."""
    shape, tp = _decoder_shape(profile), profile.parallel.tp
    if shape is None or not probe.memory_available:
        return None
    needs = configuration_needs(profile, shape).values()
    least = ranks_here(profile.launch.mpirun, tp) * max(need.weights + need.cache for need in needs)
    if least <= probe.memory_available:
        return None
    text = (
        f"weights and KV cache need {gib(least)}, {gib(probe.memory_available)} are available: the kernel may"
        " kill the ranks"
    )
    return Check("host memory", "warn", text, "lower batch size, lengths or the bits of model.dtype")


def _memory(profile: TorchProfile, facts: MachineFacts) -> Check | None:
    """Compare what each configuration needs on a GPU with what is free; None: the shape is not known."""
    shape, tp, model = _decoder_shape(profile), profile.parallel.tp, profile.model
    if shape is None:
        return None
    needs = configuration_needs(profile, shape)
    largest = max(needs.values(), key=lambda need: need.total)
    if not facts.gpus:
        text = f"{largest} a GPU at most; what is free is not known (nvidia-smi did not answer)"
        return Check("GPU memory", "warn", text, brief="GPU memory is not known", unknown=True)
    least = min(facts.gpus[:tp], key=lambda gpu: gpu.total - gpu.used)
    free = least.total - least.used
    kinds = {"loaded": model.weights == "checkpoint", "quantized": model.quantization is not None}
    weights = with_start(weights_need(shape, tp, ELEMENT_BYTES[model.dtype], **kinds), tp)
    fix = "raise parallel.tp, or lower batch size, lengths or the bits of model.dtype"
    if weights.required > free:
        text = f"the model does not fit on a GPU: {describe_lack(weights, free, least.total)}"
        return Check("GPU memory", "fail", text, fix, gpu_memory_brief(weights.required, least.total))
    too_large = [one for one, need in needs.items() if need.required > free]
    if not too_large:
        text = f"{largest} a GPU at most, and {gib(free)} of {gib(least.total)} are free"
        return Check("GPU memory", "pass", text)
    lack = describe_lack(needs[too_large[0]], free, least.total)
    if len(too_large) == len(needs):
        brief = gpu_memory_brief(min(need.required for need in needs.values()), least.total)
        return Check("GPU memory", "fail", f"no configuration fits: {lack}", fix, brief)
    brief = f"{len(too_large)} of {len(needs)} sizes do not fit"
    return Check("GPU memory", "warn", f"{_named(too_large)} will be skipped: {lack}", fix, brief)


def _decoder_shape(profile: TorchProfile) -> DecoderShape | None:
    """Return the shape as the ranks know it; None: the folder of the model cannot be read."""
    try:
        return decoder_shape(profile.model.shape or read_shape(Path(profile.model.dir or "")))
    except UserError:
        return None


def _named(sizes: list[Sizes]) -> str:
    """Return `batch 64 1024→128, ...`, at most three."""
    names = [f"batch {batch} {entry}→{output}" for batch, entry, output in sizes[:3]]
    return ", ".join(names) + (", ..." if len(sizes) > 3 else "")
