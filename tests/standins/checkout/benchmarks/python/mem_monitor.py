"""The memory monitor: a non-daemon child process; Python waits for it at exit unless it is stopped."""

from __future__ import annotations

import os
from multiprocessing import Event, Process, Queue


class MemoryMonitor:
    def __init__(self):
        self._stop = Event()
        self._peak = Queue()
        self._process = None

    def start(self):
        self._process = Process(target=self._watch, args=(self._stop, self._peak))
        self._process.start()

    @staticmethod
    def _watch(stop, peak):
        import tensorrt_llm  # noqa: F401 - as upstream's child: it prints its banner once more

        stop.wait()
        peak.put(float(os.environ.get("TRTLLM_STANDIN_PEAK_GB", "5.0")))

    def stop(self):
        """Peak memory in GiB."""
        self._stop.set()
        peak = self._peak.get(timeout=20)
        self._process.join()
        return round(peak, 3)

    def kill(self):
        self._process.kill()
