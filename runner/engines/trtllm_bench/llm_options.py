"""The file of further options of the LLM API, `--extra_llm_api_options`: its content and its keys.

TensorRT-LLM ignores keys that it does not know, or uses them under another name. Which keys the installed
version takes is read from its source.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from runner.engines.tensorrt_llm.program_help import HelpPage, read_help
from runner.engines.trtllm_bench.installation import BenchInstallation
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.run.layout import UNREADABLE
from runner.schema.base import Problem

READER = Path(__file__).resolve().parents[2] / "ranks" / "llm_api_keys.py"
FIELD = "benchmark.extra_llm_api_options"
CLASSES = {"pytorch": ("TorchLlmArgs", "LlmArgs"), "tensorrt": ("TrtLlmArgs", "LlmArgs")}
"""Backend -> names of its class of arguments; the last is that of versions with one class for all."""

Keys = Mapping[str, list[str] | None]
"""Key -> the keys of its section; None: any value"""
_decoder = msgspec.json.Decoder(dict[str, dict[str, list[str] | None]])


class _Dumper(yaml.SafeDumper):
    """Writes a value that occurs twice twice, not as a reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def file_of(profile: BenchProfile) -> tuple[str, str] | None:
    """Return name and content of the file that the profile has as a mapping; its name has their hash."""
    options = profile.benchmark.extra_llm_api_options
    if options is None:
        return None
    content: str = yaml.dump(options, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    digest = hashlib.blake2s(content.encode(), digest_size=4).hexdigest()
    return f"llm-api-options-{digest}.yaml", content


def value_problems(value: Any, path: str) -> Iterator[Problem]:
    """Yield the keys and values that a YAML file for TensorRT-LLM cannot have."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str):
                yield from value_problems(inner, f"{path}.{key}")
            else:
                yield Problem(f"{path}.{key}", "this key is not text; put it in quotes to make it text")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from value_problems(inner, f"{path}[{index}]")
    elif not isinstance(value, str | int | float | None):
        yield Problem(path, f"{value} is neither text nor a number, true, false or null; put it in quotes")


def notes(profile: BenchProfile, installation: BenchInstallation) -> list[str]:
    """Return a note with the keys that the installed version does not know, if there are any."""
    benchmark = profile.benchmark
    options: Any = benchmark.extra_llm_api_options
    where = FIELD
    if benchmark.options_file is not None:
        content = installation.file_system.read(benchmark.options_file)
        if content is None:
            return [
                f"benchmark.options_file: cannot read {benchmark.options_file}, so its keys are not checked"
            ]
        with contextlib.suppress(yaml.YAMLError):
            options = yaml.safe_load(content)
        where = "benchmark.options_file"
    if not isinstance(options, dict) or not profile.selects("benchmark"):
        return []
    known = _known(profile, installation)
    if known is None:
        return [
            f"{where}: its keys are not checked, as the source of the LLM API that is installed for"
            f" backend {benchmark.backend or 'tensorrt'} cannot be read"
        ]
    unknown = list(unknown_keys(options, known))
    if not unknown:
        return []
    version = installation.version
    return [f"{where}: TensorRT-LLM {version} does not have {', '.join(unknown)}, and may ignore it silently"]


def unknown_keys(options: Mapping[str, Any], known: Keys) -> Iterator[str]:
    """Yield each key that is not known, dotted, with a similar one that is."""
    for key, value in options.items():
        if key not in known:
            yield key + _similar(key, known)
        elif (inner := known[key]) is not None and isinstance(value, dict):
            yield from (f"{key}.{name}{_similar(name, inner)}" for name in value if name not in inner)


def _similar(key: str, known: Any) -> str:
    close = difflib.get_close_matches(key, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _known(profile: BenchProfile, installation: BenchInstallation) -> Keys | None:
    names = CLASSES.get(profile.benchmark.backend or "tensorrt", ())
    if installation.version is None:
        return None
    argv = [installation.python, "-c", READER.read_text(encoding="utf-8")]
    page = HelpPage("llm-api-keys", argv, installation.version, installation.container, profile.launch.env)
    classes = _classes(read_help(page, lambda text: bool(_classes(text))))
    return next((classes[name] for name in names if name in classes), None)


def _classes(text: str) -> dict[str, dict[str, list[str] | None]]:
    try:
        return _decoder.decode(text)
    except UNREADABLE:
        return {}
