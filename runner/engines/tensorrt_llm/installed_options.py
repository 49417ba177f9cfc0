"""The options of an installed program: by its `--help` if that was read, else by its version."""

from __future__ import annotations

from runner.engines.tensorrt_llm import options_by_version
from runner.engines.tensorrt_llm.options import ToolHelp
from runner.engines.tensorrt_llm.options_by_version import Presence
from runner.engines.tensorrt_llm.versions import Version


def presence_of(page: ToolHelp | None, program: str, option: str, version: Version | None) -> Presence:
    """Return whether a program has an option.

    Args:
        page: its `--help`; None: it was not read.
        program: its name in the table of `options_by_version`.
        option: without the dashes in front.
        version: of TensorRT-LLM; None: not known.
    """
    if page is not None:
        return Presence.YES if f"--{option}" in page.options else Presence.NO
    if version is None:
        return Presence.UNKNOWN
    return options_by_version.presence(program, option, version)


def choices_of(page: ToolHelp | None, program: str, option: str, version: Version | None) -> tuple[str, ...]:
    """Return the values that an option takes; empty: any, or not known. The arguments are as above."""
    if page is not None:
        return page.options.get(f"--{option}", ())
    found = options_by_version.properties_of(program, option, version) if version is not None else None
    return found.choices if found is not None else ()
