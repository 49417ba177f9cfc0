"""`torch.cuda` without CUDA: events use the host's clock, and synchronisation returns immediately."""

from __future__ import annotations

import time


class OutOfMemoryError(RuntimeError):
    pass


class Event:
    def __init__(self, enable_timing: bool = False) -> None:
        self._at = 0.0

    def record(self) -> None:
        self._at = time.perf_counter()

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, end_event: Event) -> float:
        return (end_event._at - self._at) * 1000


def is_available() -> bool:
    return False


def synchronize() -> None:
    pass


def empty_cache() -> None:
    pass
