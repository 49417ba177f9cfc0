"""The other way to a checkpoint: examples/quantization/quantize.py, with TensorRT's Model Optimizer.

Its arguments, the width of the weights that it writes, and the memory that it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from runner.engines.check import Check, gib
from runner.engines.decode_bytes import DTYPE_BYTES
from runner.engines.facts import Gpu, MachineFacts, ProbeAnswer
from runner.engines.tensorrt_llm.build_options import Quantize
from runner.engines.tensorrt_llm.model_config import ModelConfig
from runner.engines.tensorrt_llm.model_work import weight_bytes
from runner.engines.tensorrt_llm.options import Options, options_of
from runner.engines.trtllm.algorithms import ALGORITHMS
from runner.engines.trtllm.profile import TrtllmProfile
from runner.schema.base import Problem
from runner.util.formatting import plural

SCRIPT = "examples/quantization/quantize.py"
NVFP4_BLOCK = 16
"""Weights of NVFP4 that share a scale of one byte."""
AWQ_BLOCK = 128
"""Weights of AWQ that share a scale of two bytes, by default."""
CACHES = ("fp8", "int8")


def quantize_options(profile: TrtllmProfile, section: Quantize, dtype: str) -> Options:
    """Return the options of quantize.py, without its folders."""
    parallel = profile.parallel
    sizes: Options = [("tp_size", str(parallel.tp)), ("pp_size", str(parallel.pp))]
    return [*sizes, ("dtype", dtype), *options_of(section, "quantize")]


def bytes_per_weight(section: Quantize, whole: float) -> float | None:
    """Return the bytes of a quantised weight with its share of the scales; None: not known.

    Args:
        section: how the model is quantised.
        whole: bytes of a number that is not quantised.
    """
    if section.autoq_format:
        return None
    if section.qformat == "full_prec":
        return whole
    if section.qformat == "nvfp4":
        return 0.5 + 1 / NVFP4_BLOCK
    if section.qformat in ("int4_awq", "w4a8_awq"):
        return 0.5 + 2 / (section.awq_block_size or AWQ_BLOCK)
    return weight_bytes(ALGORITHMS[section.qformat])


def checkpoint_bytes(
    section: Quantize, size: int, source: str, target: str, model: ModelConfig
) -> int | None:
    """Return the bytes of the quantised weights; None: not known.

    Embedding and output head keep the dtype, unless the head is quantised, too.

    Args:
        section: how the model is quantised.
        size: bytes of the model's files.
        source: dtype of these files.
        target: dtype of what is not quantised.
        model: the shape of the model.
    """
    whole = DTYPE_BYTES[target]
    each = bytes_per_weight(section, whole)
    if each is None or model.vocabulary is None:
        return None
    table = model.vocabulary * model.hidden
    numbers = size // DTYPE_BYTES[source]
    kept = table * (1 if model.tied_embedding or section.quantize_lm_head else 2)
    return round(kept * whole + max(numbers - kept, 0) * each)


def quantize_problems(profile: TrtllmProfile) -> Iterator[Problem]:
    """Yield the broken rules of the section."""
    section = profile.quantize
    if section is None:
        if "quantize" in profile.stages:
            yield Problem("quantize", "missing; the stage quantize needs at least its qformat")
        return
    if section.awq_block_size is not None and not section.autoq_format and "awq" not in section.qformat:
        yield Problem("quantize.awq_block_size", f"has no effect with qformat {section.qformat}; remove it")
    if section.quantize_lm_head and section.qformat != "fp8":
        yield Problem("quantize.quantize_lm_head", f"needs qformat fp8, not {section.qformat}")
    if (section.autoq_format is None) != (section.auto_quantize_bits is None):
        yield Problem("quantize.autoq_format", "needs auto_quantize_bits, and the reverse; give both or none")
    if profile.convert != type(profile.convert)():
        yield Problem(
            "convert", "has no effect with the section quantize, which replaces it; remove one of them"
        )


def checks(
    profile: TrtllmProfile, facts: MachineFacts, probe: ProbeAnswer, model: ModelConfig | None
) -> Iterator[Check]:
    """Yield the checks of the stage quantize, if it would run now."""
    section = profile.quantize
    if section is None or not facts.makes("quantize"):
        return
    if "nvidia-modelopt" not in probe.packages:
        text = f"quantize.py needs the package nvidia-modelopt, which {facts.python} does not have"
        needs = f"{profile.paths.tensorrt_llm}/examples/quantization/requirements.txt"
        fix = f"{facts.python} -m pip install -r {needs}"
        yield Check("quantisation", "fail", text, fix)
    data = section.calib_dataset or "cnn_dailymail"
    if section.qformat not in ("full_prec", "int8_wo", "int4_wo") and not data.startswith("/"):
        text = f"the calibration data {data} come from the network or the Hugging Face cache"
        yield Check("calibration data", "warn", text, "--set quantize.calib_dataset=FOLDER")
    yield _memory(profile, section, facts, probe, model)


def _memory(
    profile: TrtllmProfile,
    section: Quantize,
    facts: MachineFacts,
    probe: ProbeAnswer,
    model: ModelConfig | None,
) -> Check:
    """Compare the whole model in its dtype with the memory of all GPUs, over which it is spread."""
    name, size = "memory of quantize", probe.weights.get(profile.model.dir or "", 0)
    if not size or model is None:
        return Check(name, "warn", "not computed: the model's folder does not state weights and layers")
    source = model.dtype or "float16"
    target = profile.model.dtype if profile.model.dtype != "auto" else source
    need = size * DTYPE_BYTES[target] // DTYPE_BYTES[source]
    text = f"calibration loads all weights unquantised, in {target}: {gib(need)}, and activations (not known)"
    if section.device == "cpu":
        return Check(name, "pass", f"{text}, in host memory; slow")
    if not facts.gpus:
        return Check(name, "warn", f"{text}; what is free is not known (nvidia-smi did not answer)")
    gpus = _visible(facts.gpus, facts.environment)
    free, total = sum(gpu.total - gpu.used for gpu in gpus), sum(gpu.total for gpu in gpus)
    text = f"{text}; {gib(free)} of {gib(total)} free on {plural(len(gpus), 'visible GPU')}"
    if need >= total:
        text += "; the rest would be loaded into host memory, where calibration takes hours or fails"
        return Check(name, "fail", text, "make more GPUs visible, or --set quantize.device=cpu")
    return Check(name, "warn" if need >= free else "pass", text, "nvidia-smi" if need >= free else "")


def _visible(gpus: Sequence[Gpu], environment: Mapping[str, str]) -> list[Gpu]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES numbers; all without it, or when it names them otherwise."""
    words = environment.get("CUDA_VISIBLE_DEVICES", "").replace(" ", "").split(",")
    numbers = [int(word) for word in words if word.isdigit()]
    chosen = [gpus[number] for number in numbers if number < len(gpus)]
    return chosen if len(chosen) == len(words) else list(gpus)
