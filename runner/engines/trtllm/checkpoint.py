"""The call of the script that makes the checkpoint of a profile: convert_checkpoint.py or quantize.py."""

from __future__ import annotations

from typing import NamedTuple

from runner.engines.tensorrt_llm.model_config import ModelConfig
from runner.engines.tensorrt_llm.options import Options
from runner.engines.trtllm.arguments import Programs, convert_options, dtype_word
from runner.engines.trtllm.families import script_of
from runner.engines.trtllm.installation import convert_script
from runner.engines.trtllm.profile import TrtllmProfile
from runner.engines.trtllm.quantization import SCRIPT, quantize_options


class CheckpointCall(NamedTuple):
    """A script with its options."""

    script: str
    options: Options
    extra_args: list[str]
    model_dir: str = "model_dir"
    """option with the folder of the model"""
    output_dir: str = "output_dir"


def checkpoint_call(profile: TrtllmProfile, programs: Programs, model: ModelConfig | None) -> CheckpointCall:
    """Return the script that makes the checkpoint, with its options."""
    if profile.quantize is not None:
        options = quantize_options(profile, profile.quantize, dtype_word(profile, programs, model))
        script = f"{profile.paths.tensorrt_llm}/{SCRIPT}"
        return CheckpointCall(script, options, profile.quantize.extra_args)
    options = convert_options(profile, programs, model)
    script, names = convert_script(profile, programs.version), script_of(profile.model.family)
    return CheckpointCall(script, options, profile.convert.extra_args, names.model_dir, names.output_dir)
