"""Log lines on standard output, as TensorRT-LLM's: `[MM/DD/YYYY-HH:MM:SS] [TRT-LLM] [I] text`."""

from __future__ import annotations

import os
import time

_LEVELS = ("internal_error", "error", "warning", "info", "verbose")
_LETTERS = {"internal_error": "F", "error": "E", "warning": "W", "info": "I", "verbose": "V"}


class Logger:
    """Prints what is at or above its level; TLLM_LOG_LEVEL fixes the level for good."""

    def __init__(self) -> None:
        preset = os.environ.get("TLLM_LOG_LEVEL", "").lower()
        self._fixed = preset in _LEVELS
        self._level = preset if self._fixed else "error"

    def set_level(self, level: str) -> None:
        if not self._fixed:
            self._level = level
        elif level != self._level:
            self.warning(f"Logger level already set from environment. Discard new verbosity: {level}")

    def _log(self, level: str, *parts: object) -> None:
        if _LEVELS.index(level) <= _LEVELS.index(self._level):
            stamp = time.strftime("%m/%d/%Y-%H:%M:%S")
            print(f"[{stamp}] [TRT-LLM] [{_LETTERS[level]}] {' '.join(map(str, parts))}", flush=True)

    def error(self, *parts: object) -> None:
        self._log("error", *parts)

    def warning(self, *parts: object) -> None:
        self._log("warning", *parts)

    def info(self, *parts: object) -> None:
        self._log("info", *parts)


logger = Logger()
