"""Compare what the stages of a trtllm profile asked for with what the engine says that it applied.

The engine says it in its config.json, which trtllm-build writes, and in the output of run.py at level info,
the default of run.py in every version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from runner.engines.output import FinishedStage, OutputNotice
from runner.engines.run_answers import answers_in
from runner.engines.tensorrt_llm.applied import (
    asked,
    cache_fraction,
    difference,
    is_asked,
    plain,
    reduced_length,
)
from runner.engines.tensorrt_llm.model_work import decode_config
from runner.engines.trtllm.algorithms import ALGORITHMS, WEIGHT_ONLY
from runner.engines.trtllm.families import PARTS
from runner.plan.plan import Stage
from runner.plan.skip import SkipKind
from runner.util.errors import UserError

ENGINE_CONFIG = "engine"
"""Key of the engine's config.json in `Stage.files`; of an encoder-decoder the keys are those of `PARTS`."""
_SWITCHES = ("enable", "disable")
_OFF = (None, False, "disable")
"""Values in config.json of a plug-in that is not used."""
_LIMITS = ("max_", "opt_", "kv_cache_type")
"""Starts of the names in build_config whose values are written as trtllm-build takes them."""
_UNDECIDED = ("auto", "")
"""Values that leave the choice to trtllm-build."""
_PYTHON_SESSION = re.compile(r"fallback to [Pp]ython session|Using Python session")


def collect_results(finished: FinishedStage) -> Iterator[OutputNotice]:
    """Yield what a finished stage applied otherwise than asked."""
    if finished.stage.name == "smoke":
        yield from map(OutputNotice, smoke_differences(finished.stage.argv, finished.log))
    if finished.stage.name == "benchmark":
        yield from map(OutputNotice, reduced_length(finished.log))
        for key in finished.stage.files:
            if config := _config(finished.read(key)):
                found = engine_differences(finished.stages, finished.stage.argv, config, part=_part_of(key))
                yield from map(OutputNotice, found)


def smoke_differences(argv: Sequence[str], log: str) -> Iterator[str]:
    """Yield what run.py did otherwise than asked.

    Args:
        argv: its command.
        log: its output; what the engine itself says is there at level info or warning only.
    """
    if _PYTHON_SESSION.search(log) and not is_asked(argv, "use_py_session"):
        yield "asked for the C++ session, run.py used the Python session"
    beams = {answer.beam for answer in answers_in(log)}
    if beams:
        yield from difference("num_beams", asked(argv, "num_beams"), str(len(beams)), "run.py answered with")
    yield from cache_fraction(argv, "kv_cache_free_gpu_memory_fraction", log)
    yield from reduced_length(log)


def engine_files(folder: str, *, two_parts: bool) -> dict[str, str]:
    """Return the config of an engine, or of each of its parts, as `Stage.files` of the benchmark."""
    if two_parts:
        return {part: f"{folder}/{part}/config.json" for part in PARTS}
    return {ENGINE_CONFIG: f"{folder}/config.json"}


def engine_differences(
    stages: Sequence[Stage], benchmark: Sequence[str], config: dict[str, Any], *, part: str = ""
) -> Iterator[str]:
    """Yield where an engine differs from the commands that made it, and that measured it.

    Args:
        stages: all stages of the plan, of which those count that made the engine, now or in an earlier run.
        benchmark: the command of benchmark.py.
        config: the engine's config.json.
        part: encoder or decoder, which the sentences name; empty: the engine is whole.
    """
    start = f"{part}: " if part else ""
    for sentence in _differences(stages, benchmark, config, part):
        yield start + sentence


def _differences(
    stages: Sequence[Stage], benchmark: Sequence[str], config: dict[str, Any], part: str
) -> Iterator[str]:
    made = {stage.name: stage.argv for stage in stages if _made(stage) and _makes(stage, part)}
    build, model = _part(config, "build_config"), _part(config, "pretrained_config")
    quantization = _part(model, "quantization")
    stored = str(quantization.get("quant_algo") or "")
    if "build" in made:
        yield from _build_differences(made["build"], build)
    for name in ("convert", "quantize"):
        if name in made:
            dtype = _decided(asked(made[name], "dtype"))
            yield from difference("dtype", dtype, str(model.get("dtype") or ""), "the engine has")
            yield from _quantization_differences(made[name], stored, quantization)
    if (wanted := asked(benchmark, "quantization")) and not stored:
        yield f"asked for quantization {wanted}, which benchmark.py ignores: the engine is not quantised"


def _part_of(key: str) -> str:
    return key if key in PARTS else ""


def _makes(stage: Stage, part: str) -> bool:
    """Check whether a stage makes a part of the engine; a conversion makes both."""
    return stage.name != "build" or not part or asked(stage.argv, "output_dir").endswith(f"/{part}")


def _made(stage: Stage) -> bool:
    reason = stage.skip_reason
    return not stage.skip or (reason is not None and reason.kind in (SkipKind.CACHED, SkipKind.NOT_NEEDED))


def _build_differences(argv: Sequence[str], build: dict[str, Any]) -> Iterator[str]:
    """Yield limits and plug-ins that the engine has otherwise; options that it does not state are left."""
    limits = {name: value for name, value in build.items() if name.startswith(_LIMITS)}
    stated = _part(build, "plugin_config") | limits
    for option in sorted({word[2:].partition("=")[0] for word in argv if word.startswith("--")}):
        wanted = _decided(asked(argv, option))
        if not wanted or option not in stated:
            continue
        applied = _shown(stated[option])
        switched = (stated[option] in _OFF) is not (wanted == "disable")
        if switched or (wanted not in _SWITCHES and plain(wanted) != plain(applied)):
            yield f"asked for {option} {wanted}, the engine has {applied}"


def _quantization_differences(
    argv: Sequence[str], stored: str, quantization: dict[str, Any]
) -> Iterator[str]:
    """Yield that weights or KV cache are stored otherwise than asked."""
    wanted = ""
    if qformat := asked(argv, "qformat"):
        wanted = ALGORITHMS.get(qformat, "")
    elif is_asked(argv, "use_weight_only"):
        wanted = WEIGHT_ONLY.get(asked(argv, "weight_only_precision") or "int8", "")
    elif is_asked(argv, "use_fp8"):
        wanted = "FP8"
    if wanted and wanted.partition("_PER_")[0] != stored.partition("_PER_")[0]:
        yield f"asked for {wanted} weights, the engine has {stored or 'none that are quantised'}"
    cache = asked(argv, "kv_cache_dtype")
    cache = next((kind for kind in ("int8", "fp8") if is_asked(argv, f"{kind}_kv_cache")), cache)
    applied = str(quantization.get("kv_cache_quant_algo") or "")
    if cache in ("int8", "fp8") and cache.upper() != applied:
        yield f"asked for a KV cache in {cache}, the engine has {applied or 'none that is quantised'}"


def _decided(value: str) -> str:
    return "" if value in _UNDECIDED else value


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "enable" if value else "disable"
    return str(value)


def _config(content: bytes | None) -> dict[str, Any]:
    try:
        return decode_config(content)
    except UserError:
        return {}


def _part(config: dict[str, Any], name: str) -> dict[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}
