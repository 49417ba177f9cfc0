"""The options that each version of trtllm-bench has.

The `--help` of the installed version takes precedence once it was read. Until then the tables here apply,
which are made from release notes and documentation.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from runner import paths
from runner.engines.tensorrt_llm.options import Options, ToolHelp, to_argv
from runner.engines.tensorrt_llm.versions import Version

Part = Literal["group", "build", "throughput", "latency"]
"""A part of the command line: the group's options precede the command, the others follow it."""

FIRST = Version.parse("0.14")
FIRST_LATENCY = Version.parse("0.15")
FIRST_BACKEND = Version.parse("0.17")
FIRST_CONCURRENCY = Version.parse("0.17")
"""Before, `throughput` sends all requests at once."""
NAMED_TENSORRT = Version.parse("1.0")
"""Since then `--backend tensorrt` selects an engine; before, no backend does."""
FIRST_WITHOUT_ENGINES = Version.parse("1.3")
ANY_MODEL = Version.parse("0.17")
"""Since then `build` supports every architecture; before, a list of models."""
FIXED_TOKENS = Version.parse("0.17")
"""Before, `--max_num_tokens` sets the limit of tokens to the batch size."""

Range = tuple[str, str]
"""First and last version that has an option; empty: the first, the newest."""
_ALL: tuple[Range, ...] = (("", ""),)
_ENGINES: tuple[Range, ...] = (("", "1.2"),)


def _since(version: str, until: str = "") -> tuple[Range, ...]:
    return ((version, until),)


_LIMITS = {"max_batch_size": _ALL, "max_num_tokens": _ALL}
_WORLD = {"tp": _since("0.17"), "pp": _since("0.17"), "ep": _since("0.19")}
_RUN = {
    "engine_dir": _ENGINES, "dataset": _ALL, "num_requests": _ALL, "kv_cache_free_gpu_mem_fraction": _ALL,
    "backend": _since("0.17"), "max_seq_len": _since("0.18"), "extra_llm_api_options": _since("0.18"),
    "report_json": _since("0.18"), **_WORLD,
}  # fmt: skip
TABLE: dict[Part, dict[str, tuple[Range, ...]]] = {
    "group": {"model": _ALL, "workspace": _ALL, "model_path": _since("0.17"), "log_level": _since("0.17")},
    "build": {
        "tp_size": _ENGINES, "pp_size": _ENGINES, "quantization": _ENGINES, "dataset": _ENGINES,
        "max_batch_size": _ENGINES, "max_num_tokens": _ENGINES,
        "max_seq_length": _since("", "0.16"), "max_seq_len": _since("0.17", "1.2"),
        "target_input_len": _since("0.17", "1.2"), "target_output_len": _since("0.17", "1.2"),
    },
    "throughput": _RUN | _LIMITS | {
        "streaming": _since("0.15"), "beam_width": _since("0.15"), "concurrency": _since("0.17"),
        "warmup": _since("0.18"), "eos_id": _since("0.18"), "scheduler_policy": _since("0.20"),
        "enable_chunked_context": _since("0.18"), "disable_chunked_context": _since("1.1"),
        "output_json": _since("0.20"), "request_json": _since("1.0"),
        "iteration_log": (("0.16", "0.16"), ("0.19", "")),
    },
    "latency": _RUN | {
        "warmup": _since("0.15"), "concurrency": _since("0.18"), "beam_width": _since("0.20"),
        "iteration_log": _since("0.19"),
    },
}  # fmt: skip

MODELS_OF_BUILD = (
    "meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-70b-hf", "tiiuae/falcon-180B", "EleutherAI/gpt-j-6b",
    "meta-llama/Meta-Llama-3-8B", "meta-llama/Llama-3.1-8B", "meta-llama/Meta-Llama-3-70B",
    "meta-llama/Llama-3.1-70B", "meta-llama/Llama-3.1-405B", "mistralai/Mixtral-8x7B-v0.1",
    "mistralai/Mistral-7B-v0.1", "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-70B-Instruct",
    "meta-llama/Llama-3.1-405B-Instruct", "mistralai/Mixtral-8x7B-Instruct-v0.1",
    "mistralai/Mixtral-8x22B-v0.1", "mistralai/Mixtral-8x22B-Instruct-v0.1",
)  # fmt: skip
"""Models that `trtllm-bench build` of 0.16 has tuned limits for; it rejects every other name."""
_MISSPELT = {
    f"mistralai/Mixtral-8x{size}-v0.1-Instruct": f"mistralai/Mixtral-8x{size}-Instruct-v0.1"
    for size in ("7B", "22B")
}
"""Names that NVIDIA's documentation gives but Hugging Face does not have -> the name at Hugging Face."""
_RENAMED = {
    f"meta-llama/Meta-Llama-3.1-{size}{kind}": f"meta-llama/Llama-3.1-{size}{kind}"
    for size in ("8B", "70B", "405B")
    for kind in ("", "-Instruct")
}
"""Earlier names, which Hugging Face still knows, but `build` does not."""


def can_build(model: str, version: Version) -> bool:
    """Check whether `trtllm-bench build` of this version accepts the model."""
    return version >= ANY_MODEL or model in MODELS_OF_BUILD


def usual_name(model: str) -> str:
    """Return the name that a model is known by; empty when it has no other than the given one."""
    return _MISSPELT.get(model) or _RENAMED.get(model, "")


def exists_at_hugging_face(model: str) -> bool:
    """Check that a name is not one of those that only appear in documentation."""
    return model not in _MISSPELT


@dataclass(frozen=True)
class Tool:
    """trtllm-bench of one version."""

    version: Version
    helps: Mapping[Part, ToolHelp] = field(default_factory=dict)
    """the options in the `--help` of each part that was read"""

    def has(self, part: Part, option: str) -> bool:
        """Check whether a part has an option."""
        known = self.helps.get(part)
        if known is not None:
            return f"--{option}" in known.options
        return any(_within(self.version, versions) for versions in TABLE[part].get(option, ()))

    def why_missing(self, part: Part, option: str) -> str:
        """Return why a part does not have an option; empty when it has it."""
        if self.has(part, option):
            return ""
        what = f"trtllm-bench {part}" if part != "group" else "trtllm-bench"
        ranges = TABLE[part].get(option, ())
        # The --help may differ from the table; then the table cannot explain why.
        when = "" if part in self.helps or not ranges else f"; it {_when(self.version, ranges)}"
        return f"{what} of TensorRT-LLM {self.version} has no --{option}{when}"

    def problems(self, part: Part, options: Options) -> list[str]:
        """Return a sentence for each option that the installed tool would reject, by its `--help`."""
        known = self.helps.get(part)
        return known.problems(to_argv(options)) if known is not None else []


def _within(version: Version, versions: Range) -> bool:
    first, last = versions
    return (not first or version >= Version.parse(first)) and (not last or version <= Version.parse(last))


def _when(version: Version, ranges: tuple[Range, ...]) -> str:
    later = [first for first, _ in ranges if first and version < Version.parse(first)]
    earlier = [last for _, last in ranges if last and version > Version.parse(last)]
    if later and earlier:
        return f"existed in {earlier[-1]} and came back with {later[0]}"
    return f"came with {later[0]}" if later else f"was removed after {earlier[-1]}"


# --- what --help says -------------------------------------------------------------------------------------

DEFINED = 8
"""Maximum indent of a line that defines an option."""
_CHOICES = re.compile(r"\[([^\[\]\s]+\|[^\[\]]+)\]")


def parse_click_help(text: str) -> ToolHelp:
    """Return the options and choices in the `--help` of a click program."""
    options: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        # Descriptions are indented further, and a line of one may begin with the name of an option.
        indent = len(line) - len(line.lstrip())
        if indent > DEFINED or not line.lstrip().startswith("-"):
            continue
        # The description follows after two spaces or more; it may mention other options.
        defined = re.split(r"\s{2,}", line.strip(), maxsplit=1)[0]
        choices = _CHOICES.search(defined)
        for name in re.findall(r"--[A-Za-z_][\w-]*", defined):
            options[name] = tuple(choices[1].split("|")) if choices else ()
    return ToolHelp(options)


def help_argv(program: str, part: Part) -> list[str]:
    """Return the command that prints the options of a part; the group requires a model first."""
    return [program, "--help"] if part == "group" else [program, "--model", "any", part, "--help"]


def help_file(program: str, where: str, version: Version, part: Part) -> Path:
    """Return the cache file for the `--help` of a part; printing it takes ten seconds or more.

    Args:
        program: path or name of the tool.
        where: container that it runs in; empty: this machine.
        version: of the installed package.
        part: which part.
    """
    key = hashlib.blake2s(f"{program}\0{where}\0{version.text}".encode(), digest_size=6).hexdigest()
    return paths.state_home() / "help" / f"trtllm-bench-{version.text}-{part}-{key}.txt"


def help_texts(program: str, where: str, version: Version) -> dict[str, str]:
    """Return the cached `--help` of each part."""
    found: dict[str, str] = {}
    for part in TABLE:
        with contextlib.suppress(OSError):
            found[part] = help_file(program, where, version, part).read_text(encoding="utf-8")
    return found


def parse_helps(texts: Mapping[str, str]) -> dict[Part, ToolHelp]:
    """Parse the `--help` of each part."""
    return {part: parse_click_help(texts[part]) for part in TABLE if part in texts}
