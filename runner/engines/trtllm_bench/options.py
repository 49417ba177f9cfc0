"""The options that each version of trtllm-bench has.

The `--help` of the installed version decides where it can be read; elsewhere the table of
`runner.engines.tensorrt_llm.options_by_version` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from runner.engines.tensorrt_llm import options_by_version
from runner.engines.tensorrt_llm.installed_options import choices_of, presence_of
from runner.engines.tensorrt_llm.options import Options, ToolHelp, to_argv
from runner.engines.tensorrt_llm.options_by_version import Presence
from runner.engines.tensorrt_llm.versions import Version

Part = Literal["group", "build", "throughput", "latency"]
"""A part of the command line: the group's options precede the command, the others follow it."""

PARTS: tuple[Part, ...] = ("group", "build", "throughput", "latency")

FIRST = Version.parse("0.14")
FIRST_CONCURRENCY = Version.parse("0.17")
"""Before, `throughput` sends all requests at once."""
NAMED_TENSORRT = Version.parse("1.0")
"""Since then `--backend tensorrt` selects an engine; before, no backend does."""
ANY_MODEL = Version.parse("0.17")
"""Since then `build` supports every architecture; before, a list of models."""
FIXED_TOKENS = Version.parse("0.17")
"""Before, `--max_num_tokens` sets the limit of tokens to the batch size."""

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

    def presence(self, part: Part, option: str) -> Presence:
        """Return whether a part has an option."""
        return presence_of(self.helps.get(part), f"bench {part}", option, self.version)

    def has(self, part: Part, option: str) -> bool:
        """Check that a part is known to have an option."""
        return self.presence(part, option) is Presence.YES

    def has_command(self, command: Part) -> bool:
        """Check that a command is not known to be missing."""
        return self.presence(command, "dataset") is not Presence.NO

    def why_missing(self, part: Part, option: str) -> str:
        """Return why a part does not have an option; empty when it has it, or when that is not known."""
        if self.presence(part, option) is not Presence.NO:
            return ""
        what = f"trtllm-bench {part}" if part != "group" else "trtllm-bench"
        # The --help may differ from the table; then the table cannot explain why.
        when = "" if part in self.helps else options_by_version.since(f"bench {part}", option, self.version)
        return f"{what} of TensorRT-LLM {self.version} has no --{option}" + (f"; {when}" if when else "")

    def why_not_allowed(self, part: Part, option: str, value: str) -> str:
        """Return why an option does not take a value; empty when it does, or when that is not known."""
        choices = choices_of(self.helps.get(part), f"bench {part}", option, self.version)
        if not choices or value in choices:
            return ""
        return (
            f"{value} is not allowed by trtllm-bench {part} of TensorRT-LLM {self.version};"
            f" allowed: {', '.join(choices)}"
        )

    def problems(self, part: Part, options: Options) -> list[str]:
        """Return a sentence for each option that the installed tool would reject, by its `--help`."""
        known = self.helps.get(part)
        return known.problems(to_argv(options)) if known is not None else []


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


def parse_helps(texts: Mapping[str, str]) -> dict[Part, ToolHelp]:
    """Parse the `--help` of each part."""
    return {part: parse_click_help(texts[part]) for part in PARTS if part in texts}
