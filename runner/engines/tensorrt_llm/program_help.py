"""Read the `--help` of TensorRT-LLM's programs, once for each installation.

Printing it imports all of TensorRT-LLM, which takes ten seconds or more, so the texts are kept on disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.engines import container
from runner.engines.build_cache import HOST
from runner.engines.tensorrt_llm.versions import Version
from runner.schema.base import Container
from runner.util import paths

TIMEOUT_S = 120.0
SOONEST_S, PATIENCE = 10.0, 10
"""A program that does not answer is asked again after 10 s, or after ten times as long as it took to fail."""
_failed: dict[Path, float] = {}
"""File of a text that could not be read -> when to try again, by the monotonic clock"""


@dataclass(frozen=True)
class HelpPage:
    """The `--help` of a program, or of one of its commands."""

    name: str
    """for the name of its file: letters, digits and dashes"""
    argv: list[str]
    version: Version
    """of the installed package"""
    container: Container | None = None
    env: Mapping[str, str] | None = None
    source: bytes = b""
    """content of a script, which differs between source trees; empty: the version determines the options"""

    @property
    def file(self) -> Path:
        inside = self.container
        where = f"{inside.tool} {inside.exec or inside.run}" if inside else ""
        key = hashlib.blake2s("\0".join([*self.argv, where]).encode() + self.source, digest_size=6)
        return paths.state_home() / "help" / f"{self.name}-{self.version.text}-{key.hexdigest()}.txt"


def read_help(page: HelpPage, has_answer: Callable[[str], bool]) -> str:
    """Return the text of a page, from the disk or from the program; empty when it has no answer."""
    file = page.file
    with contextlib.suppress(OSError):
        return file.read_text(encoding="utf-8")
    began = time.monotonic()
    if _failed.get(file, 0.0) > began:
        return ""
    variables = dict(page.env or {})
    words = container.argv_inside(page.container, page.argv, variables)
    env = container.env_outside(page.container, variables)
    answer = container.output_of(words, timeout=TIMEOUT_S, env=env) or b""
    text = answer.decode(errors="replace")
    if not has_answer(text):
        now = time.monotonic()
        _failed[file] = now + max(SOONEST_S, PATIENCE * (now - began))
        return ""
    # Without a home folder the text is read again next time.
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        HOST.write(str(file), answer)
    return text
