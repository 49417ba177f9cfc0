"""The kinds of line in the `events.jsonl` of a run.

One JSON object per line: `kind` tells the type, `t` is CLOCK_MONOTONIC in nanoseconds on the machine of the
run (an iteration carries its rank's own reading). Readers skip kinds that they do not know.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import msgspec

from runner.events.base import Event
from runner.events.gpu import (
    ComputeProcess,
    GpuColumn,
    GpuEnergy,
    GpuHealth,
    GpuIdentity,
    GpuInventory,
    GpuMapping,
    GpuProblem,
    GpuProcesses,
    GpuProcessTable,
    GpuReason,
    GpuSamples,
    GpuSource,
    NoGpu,
    Telemetry,
    TelemetryCost,
    TelemetryStatus,
)
from runner.events.job import JobEnd, JobQueued, JobStarted
from runner.events.memory import GpuMemory, MemoryParts
from runner.events.node import FromNode, NodeClock, NodeJoined, NodeReading, NodeStatus, NodeStatusName
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
    IterationPhase,
    Notice,
    Preparation,
    PreparationStep,
    Queued,
    RankProcess,
    Result,
    RunEnded,
    RunStarted,
    RunStatus,
    Slo,
    StageEnded,
    StageStarted,
    StageStatus,
    StepTimes,
    Stopping,
    Swept,
)
from runner.events.serving import EngineIteration, Requests, RequestsDone, Serving, ServingPhase

__all__ = [
    "SCHEMA",
    "Answer",
    "AnyEvent",
    "Bye",
    "ComputeProcess",
    "ConfigurationStarted",
    "EngineIteration",
    "Event",
    "Failure",
    "FromNode",
    "Gap",
    "GpuColumn",
    "GpuEnergy",
    "GpuHealth",
    "GpuIdentity",
    "GpuInventory",
    "GpuMapping",
    "GpuMemory",
    "GpuProblem",
    "GpuProcessTable",
    "GpuProcesses",
    "GpuReason",
    "GpuSamples",
    "GpuSource",
    "Heartbeat",
    "Hello",
    "Host",
    "Iteration",
    "IterationPhase",
    "JobEnd",
    "JobQueued",
    "JobStarted",
    "MemoryParts",
    "NoGpu",
    "NodeClock",
    "NodeJoined",
    "NodeReading",
    "NodeStatus",
    "NodeStatusName",
    "Notice",
    "Preparation",
    "PreparationStep",
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
    "Slo",
    "StageEnded",
    "StageStarted",
    "StageStatus",
    "StepTimes",
    "Stopping",
    "Swept",
    "Telemetry",
    "TelemetryCost",
    "TelemetryStatus",
    "decode_lines",
    "encode",
    "gc_paused",
]

AnyEvent = (
    RunStarted
    | Queued
    | JobQueued
    | JobStarted
    | StageStarted
    | StageEnded
    | Hello
    | Bye
    | ConfigurationStarted
    | Preparation
    | Iteration
    | StepTimes
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
    | GpuProcessTable
    | GpuMapping
    | GpuMemory
    | Telemetry
    | TelemetryCost
    | NodeJoined
    | NodeClock
    | NodeStatus
    | FromNode
    | Notice
    | Failure
    | Stopping
    | Swept
    | Gap
    | RunEnded
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)

RankRecord = Hello | Bye | ConfigurationStarted | Preparation | Iteration | StepTimes | Notice | GpuMemory
"""Events that a rank may send; anything else is ignored, because junk on stdout must not end a run."""
_record_decoder: msgspec.json.Decoder[RankRecord] = msgspec.json.Decoder(RankRecord)


def encode(event: Event) -> bytes:
    """Return an event as one line of the log, including the newline."""
    return _encoder.encode(event) + b"\n"


def decode_lines(lines: bytes) -> list[AnyEvent]:
    """Decode the events of complete lines; other lines are skipped."""
    with gc_paused():
        try:
            return _decoder.decode_lines(lines)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return list(_decode_one_by_one(lines))


def decode_record(line: bytes, stage: int) -> RankRecord:
    """Decode a record of a rank as an event of the log, which names the stage.

    Raises msgspec.DecodeError, UnicodeDecodeError or RecursionError for anything else.
    """
    body, brace, _ = line.rpartition(b"}")
    return _record_decoder.decode(body + b',"stage":%d}' % stage if brace else line)


class gc_paused:  # noqa: N801 - used as a statement, and a generator's context costs ten times as much
    """Pause the garbage collector within a `with` block.

    Events reference only their own values, so there are no cycles; a search for cycles among a million
    columns of numbers takes as long as decoding them.
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
