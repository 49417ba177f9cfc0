"""The options of trtllm-bench: which version has which, and whether the installed one knows them.

What a version really knows is what its `--help` says; where that was read before it is the judge, else the
tables here are, made from release notes and documentation.
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
from runner.engines.tensorrt_llm.options import Help, Words, as_words
from runner.engines.tensorrt_llm.versions import Version

Part = Literal["group", "build", "throughput", "latency"]
"""Options of the group stand before the name of the command, all others behind it."""

FIRST = Version.parse("0.14")
FIRST_LATENCY = Version.parse("0.15")
FIRST_BACKEND = Version.parse("0.18")
FIRST_CONCURRENCY = Version.parse("0.17")
"""Before, `throughput` sends all requests at once."""
NAMED_TENSORRT = Version.parse("1.0")
"""From here on an engine is asked for by `--backend tensorrt`; before, by giving no backend."""
FIRST_WITHOUT_ENGINES = Version.parse("1.3")
ANY_MODEL = Version.parse("0.17")
"""From here on `build` tunes for every supported architecture; before, for a list of models."""
FIXED_TOKENS = Version.parse("0.17")
"""Before, `--max_num_tokens` sets the limit of tokens to the batch size."""

Range = tuple[str, str]
"""First and last version that has an option; empty: from the first on, to the newest"""
_ALL: tuple[Range, ...] = (("", ""),)
_ENGINES: tuple[Range, ...] = (("", "1.2"),)


def _since(version: str, until: str = "") -> tuple[Range, ...]:
    return ((version, until),)


_LIMITS = {"max_batch_size": _ALL, "max_num_tokens": _ALL}
_WORLD = {"tp": _since("0.18"), "pp": _since("0.18"), "ep": _since("0.19")}
_RUN = {
    "engine_dir": _ENGINES, "dataset": _ALL, "num_requests": _ALL, "kv_cache_free_gpu_mem_fraction": _ALL,
    "backend": _since("0.18"), "max_seq_len": _since("0.18"), "extra_llm_api_options": _since("0.18"),
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
    "meta-llama/Llama-3.1-405B-Instruct", "mistralai/Mixtral-8x7B-v0.1-Instruct",
)  # fmt: skip
"""What `trtllm-bench build` of 0.16 has tuned limits for; it refuses every other model."""
_OTHER_NAMES = {
    "meta-llama/Meta-Llama-3.1-8B",
    "meta-llama/Meta-Llama-3.1-70B",
    "meta-llama/Meta-Llama-3.1-405B",
}


def builds(model: str, version: Version) -> bool:
    """Whether `trtllm-bench build` of this version takes the model."""
    return version >= ANY_MODEL or model in MODELS_OF_BUILD or model in _OTHER_NAMES


@dataclass(frozen=True)
class Tool:
    """trtllm-bench of one version."""

    version: Version
    helps: Mapping[Part, Help] = field(default_factory=dict)
    """what `--help` of its parts said, as far as it was read"""

    def has(self, part: Part, option: str) -> bool:
        known = self.helps.get(part)
        if known is not None:
            return f"--{option}" in known.options
        return any(_within(self.version, versions) for versions in TABLE[part].get(option, ()))

    def why_not(self, part: Part, option: str) -> str:
        """Why an option cannot be given; empty when it can."""
        if self.has(part, option):
            return ""
        what = f"trtllm-bench {part}" if part != "group" else "trtllm-bench"
        ranges = TABLE[part].get(option, ())
        # What the tool itself says may differ from the table; then the table has no reason to offer.
        when = "" if part in self.helps or not ranges else f"; it {_when(self.version, ranges)}"
        return f"{what} of TensorRT-LLM {self.version} has no --{option}{when}"

    def complaints(self, part: Part, words: Words) -> list[str]:
        """What the installed tool would refuse of these options, by its `--help`."""
        known = self.helps.get(part)
        return known.complaints(as_words(words)) if known is not None else []


def _within(version: Version, versions: Range) -> bool:
    first, last = versions
    return (not first or version >= Version.parse(first)) and (not last or version <= Version.parse(last))


def _when(version: Version, ranges: tuple[Range, ...]) -> str:
    later = [first for first, _ in ranges if first and version < Version.parse(first)]
    earlier = [last for _, last in ranges if last and version > Version.parse(last)]
    if later and earlier:
        return f"was there in {earlier[-1]} and came back with {later[0]}"
    return f"came with {later[0]}" if later else f"was removed after {earlier[-1]}"


# --- what --help says -------------------------------------------------------------------------------------

DEFINED = 8
"""Most columns before an option that is defined."""
_CHOICES = re.compile(r"\[([^\[\]\s]+\|[^\[\]]+)\]")


def parse_click_help(text: str) -> Help:
    """Options and choices that the `--help` of a program made with click names."""
    options: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        # Descriptions stand further right, and a line of one may begin with the name of an option.
        indent = len(line) - len(line.lstrip())
        if indent > DEFINED or not line.lstrip().startswith("-"):
            continue
        # What an option does stands behind it, after two spaces or more; it may mention other options.
        defined = re.split(r"\s{2,}", line.strip(), maxsplit=1)[0]
        choices = _CHOICES.search(defined)
        for name in re.findall(r"--[A-Za-z_][\w-]*", defined):
            options[name] = tuple(choices[1].split("|")) if choices else ()
    return Help(options)


def help_words(program: str, part: Part) -> list[str]:
    """The command that prints the options of a part; the group wants its model first."""
    return [program, "--help"] if part == "group" else [program, "--model", "any", part, "--help"]


def help_file(program: str, where: str, version: Version, part: Part) -> Path:
    """Where the `--help` of a part is kept: printing it takes the tool ten seconds and more.

    Args:
        program: path or name of the tool.
        where: container it runs in; empty: this machine.
        version: of the installed package.
        part: which part.
    """
    key = hashlib.blake2s(f"{program}\0{where}\0{version.text}".encode(), digest_size=6).hexdigest()
    return paths.state_home() / "help" / f"trtllm-bench-{version.text}-{part}-{key}.txt"


def help_texts(program: str, where: str, version: Version) -> dict[str, str]:
    """Every part's `--help` that was kept before."""
    found: dict[str, str] = {}
    for part in TABLE:
        with contextlib.suppress(OSError):
            found[part] = help_file(program, where, version, part).read_text(encoding="utf-8")
    return found


def parsed_helps(texts: Mapping[str, str]) -> dict[Part, Help]:
    """The options in the `--help` of each part, by the name of the part."""
    return {part: parse_click_help(texts[part]) for part in TABLE if part in texts}
