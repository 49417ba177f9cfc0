"""The kinds of line in a run's `events.jsonl`.

One JSON object a line: `kind` tells the type, `t` is CLOCK_MONOTONIC in nanoseconds on the machine of the
run (an iteration carries its rank's own reading). Readers skip kinds that they do not know.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import msgspec

from runner.events.base import Event
from runner.events.gpu import (
    Column,
    GpuEnergy,
    GpuHealth,
    GpuIdentity,
    GpuInventory,
    GpuMapping,
    GpuProblem,
    GpuProcesses,
    GpuReason,
    GpuSamples,
    GpuSource,
    NoGpu,
    Telemetry,
    TelemetryCost,
    TelemetryState,
)
from runner.events.run import (
    SCHEMA,
    Answer,
    Bye,
    ConfigurationStarted,
    Failure,
    Gap,
    Heartbeat,
    Hello,
    Host,
    Iteration,
    Notice,
    Phase,
    Queued,
    RankProcess,
    Result,
    RunEnded,
    RunStarted,
    RunStatus,
    StageEnded,
    StageStarted,
    StageStatus,
    Stopping,
    Swept,
)
from runner.events.serving import EngineIteration, Requests, RequestsDone, Serving, ServingPhase

__all__ = [
    "SCHEMA",
    "Answer",
    "AnyEvent",
    "Bye",
    "Column",
    "ConfigurationStarted",
    "EngineIteration",
    "Event",
    "Failure",
    "Gap",
    "GpuEnergy",
    "GpuHealth",
    "GpuIdentity",
    "GpuInventory",
    "GpuMapping",
    "GpuProblem",
    "GpuProcesses",
    "GpuReason",
    "GpuSamples",
    "GpuSource",
    "Heartbeat",
    "Hello",
    "Host",
    "Iteration",
    "NoGpu",
    "Notice",
    "Phase",
    "Queued",
    "RankProcess",
    "Requests",
    "RequestsDone",
    "Result",
    "RunEnded",
    "RunStarted",
    "RunStatus",
    "Serving",
    "ServingPhase",
    "StageEnded",
    "StageStarted",
    "StageStatus",
    "Stopping",
    "Swept",
    "Telemetry",
    "TelemetryCost",
    "TelemetryState",
    "decode_lines",
    "encode",
    "no_cycles",
]

AnyEvent = (
    RunStarted
    | Queued
    | StageStarted
    | StageEnded
    | Hello
    | Bye
    | ConfigurationStarted
    | Iteration
    | Serving
    | RequestsDone
    | EngineIteration
    | Requests
    | Result
    | Answer
    | Host
    | Heartbeat
    | NoGpu
    | GpuInventory
    | GpuSamples
    | GpuEnergy
    | GpuHealth
    | GpuSource
    | GpuReason
    | GpuProblem
    | GpuProcesses
    | GpuMapping
    | Telemetry
    | TelemetryCost
    | Notice
    | Failure
    | Stopping
    | Swept
    | Gap
    | RunEnded
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: Event) -> bytes:
    """One line of the log, newline included."""
    return _encoder.encode(event) + b"\n"


def decode_lines(lines: bytes) -> list[AnyEvent]:
    """Events of complete lines; a line that is no event of ours is skipped."""
    with no_cycles():
        try:
            return _decoder.decode_lines(lines)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return list(_decode_one_by_one(lines))


class no_cycles:  # noqa: N801 - used as a statement, and a generator's context costs ten times as much
    """Within it nobody looks for reference cycles.

    Events refer to nothing but their own values, so there are none; looking for them among a million columns
    of numbers takes as long as decoding those.
    """

    __slots__ = ("_collecting",)

    def __enter__(self) -> None:
        self._collecting = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._collecting:
            gc.enable()


def _decode_one_by_one(lines: bytes) -> Iterator[AnyEvent]:
    for line in lines.split(b"\n"):
        try:
            yield _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
