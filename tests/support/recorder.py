"""Record a run event by event on a clock that only moves when told to, into a real run directory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from runner import events as ev
from runner.events import AnyEvent, encode
from runner.history.run_feed import EventCallback
from runner.plan.plan import Configuration, Plan, Stage
from runner.run import layout
from runner.state.run import RunState
from tests.support.reports import write_report_of

SECOND = 10**9
START = 1_000 * SECOND
WALL = 1_767_225_600.0  # 2026-01-01 00:00 UTC


@dataclass
class RecordedFeed:
    """A feed of a recorded run whose clock stands still where the test says."""

    run_dir: Path
    plan: Plan
    at: int
    state: RunState = field(default_factory=RunState)
    live: bool = True
    is_mirror: bool = False
    loaded: float = 1.0
    gone: bool = False
    pending: list[AnyEvent] = field(default_factory=list)

    def drain(self, budget_s: float, tell: EventCallback | None = None) -> int:
        taken, self.pending = self.pending, []
        self.state.apply_all(taken)
        if tell is not None:
            tell(taken)
        return len(taken)

    def now(self) -> int:
        return self.at


@dataclass
class Recorder:
    """Writes the events of a run one after the other, on a clock that only moves when told to."""

    configurations: list[Configuration] = field(default_factory=lambda: [Configuration(4, 64, 24)])
    profile: str = "qwen2.5-32b-fp16-tp8"
    summary: str = "32 763.9 M parameters, float16 on cpu"
    ranks: int = 2
    num_runs: int = 10
    duration: float = 60.0
    warm_up: int = 2
    stage_names: tuple[str, ...] = ("benchmark",)
    events: list[AnyEvent] = field(default_factory=list)
    log: str = ""
    t: int = START
    gpus: int = 0

    def add(self, event: AnyEvent, after_s: float = 0.0) -> None:
        self.t += round(after_s * SECOND)
        self.events.append(msgspec.structs.replace(event, t=self.t))

    def begin(self) -> None:
        started = ev.RunStarted(
            t=0,
            run="20260101T000000Z_p_7f3a",
            schema=ev.SCHEMA,
            wall=WALL,
            host="bench01",
            boot_id="boot",
            pid=4242,
            cores=64,
            version="0.1.0",
        )
        self.add(started)
        self.add(ev.NoGpu(t=0, reason="the NVIDIA driver is not installed"))

    def begin_stage(self, name: str = "benchmark", ranks: int | None = None) -> None:
        index = self.stage_names.index(name)
        self.add(ev.StageStarted(t=0, stage=index, name=name, pid=4300, ranks=ranks or self.ranks), 1)

    def end_stage(self, name: str = "benchmark", status: ev.StageStatus = "ok", code: int = 0) -> None:
        index = self.stage_names.index(name)
        self.add(ev.StageEnded(t=0, stage=index, name=name, status=status, exit_code=code), 1)

    @property
    def stage(self) -> int:
        return self.stage_names.index("benchmark")

    def hello(
        self, device: Literal["cpu", "cuda"] = "cpu", versions: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        for rank in range(self.ranks):
            pid, host = 4301 + rank, "bench01"
            on = device if device == "cpu" else f"cuda:{rank}"
            hello = ev.Hello(
                t=0, stage=self.stage, rank=rank, world=self.ranks, pid=pid, host=host, device=on,
                versions=dict(versions),
            )  # fmt: skip
            self.add(hello, 0.1)

    def begin_gpus(self, count: int) -> None:
        """GPUs that answer, twice a second; ranks compute on the first ones."""
        total = 140 << 30
        self.events = [event for event in self.events if not isinstance(event, ev.NoGpu)]
        identities = [
            ev.GpuIdentity(
                uuid=f"GPU-{number}",
                index=number,
                name="NVIDIA H200",
                memory_total=total,
                power_limit_w=700.0,
            )
            for number in range(count)
        ]
        self.add(ev.GpuInventory(t=0, driver="580.159.04", gpus=identities))
        self.add(
            ev.GpuMapping(t=0, order="PCI_BUS_ID", visible=None, gpus=[f"GPU-{n}" for n in range(count)])
        )
        self.gpus = count
        self.read_gpus(1, memory_gib=0.1, busy=0)

    def read_gpus(self, times: int, *, memory_gib: float = 71.0, busy: int = 97, hot: int = -1) -> None:
        """Samples without time passing for the rest; GPU `hot` is slowed down by its temperature."""
        every = range(self.gpus)
        for i in range(times):
            sample = ev.GpuSamples(
                t=0,
                period_ms=500,
                memory=[int(memory_gib * 2**30) + number * 2**24 for number in every],
                busy=[max(0, busy - (i * 7 + number * 5) % 23) for number in every],
                power=[90.0 + busy * 5.0 + (i * 31 + number * 17) % 60 for number in every],
                sm_clock=[1980 - 15 * number - (600 if number == hot else 0) for number in every],
                temperature=[58 + number + (25 if number == hot else 0) for number in every],
                reasons=[0x40 if number == hot else 0 for number in every],
                sm_active=[busy * 0.6 + number for number in every],
                dram_active=[busy * 0.8 + number for number in every],
                throttled_us={"hw thermal": [500_000 if n == hot else 0 for n in every]} if hot >= 0 else {},
            )
            self.add(sample)

    def load(self, percent: float = 93.0) -> None:
        self.add(ev.Host(t=0, cpu_percent=percent, memory_used=13 << 30, memory_total=31 << 30, load=8.25))

    def starve(self, seconds: int = 10, waiting: float = 63.0) -> None:
        """Readings of a host on which processes wait for a CPU."""
        for _ in range(seconds):
            reading = ev.Host(t=0, cpu_percent=99, memory_used=13 << 30, memory_total=31 << 30, load=97.0,
                              waiting_percent=waiting)  # fmt: skip
            self.add(reading, 1)

    def begin_configuration(self, index: int = 0) -> None:
        asked = self.configurations[index]
        self.add(ev.ConfigurationStarted(t=0, stage=self.stage, index=index, batch_size=asked.batch_size,
                                         input_len=asked.input_len, output_len=asked.output_len,
                                         num_runs=self.num_runs, duration=self.duration,
                                         warm_up=self.warm_up))  # fmt: skip

    def iterate(self, count: int, phase: ev.IterationPhase = "timed", index: int = 0, base_ms: float = 6300.0,
                first: int = 0, spike: int = -1) -> None:  # fmt: skip
        """Iterations on every rank; latencies are made of a small fixed pattern."""
        steps = self.configurations[index].output_len - 1
        for i in range(first, first + count):
            latency = base_ms * (1 + ((i * 37) % 11 - 5) / 500)
            if phase == "warmup":
                latency *= 1.3 - 0.2 * min(i, 1)
            if i == spike:
                latency *= 1.15
            self.t += round(latency * 1e6)
            for rank in range(self.ranks):
                own = round(latency * (1 + rank * 0.0005), 3)
                iteration = ev.Iteration(
                    t=0,
                    stage=self.stage,
                    rank=rank,
                    config=index,
                    i=i,
                    phase=phase,
                    latency_ms=own,
                    generation_ms=round(own * 0.78, 3),
                    steps=steps,
                )
                self.add(iteration)

    def result(self, index: int = 0) -> None:
        state = RunState()
        state.apply_all(self.events)
        latency = state.configurations[index].latency
        asked = self.configurations[index]
        rate = asked.batch_size * asked.output_len / (round(latency.mean, 3) / 1000)
        values = {
            "batch_size": str(asked.batch_size),
            "input_length": str(asked.input_len),
            "output_length": str(asked.output_len),
            "latency(ms)": f"{latency.mean:.3f}",
            "tokens_per_sec": f"{rate:.2f}",
            "percentile95(ms)": f"{latency.upstream_percentile(95):.3f}",
            "percentile99(ms)": f"{latency.upstream_percentile(99):.3f}",
            "gpu_peak_mem(gb)": "0.0",
        }
        self.add(ev.Result(t=0, stage=self.stage, values=values))

    def bye(self) -> None:
        sent = dict.fromkeys(range(self.ranks), 0)
        for event in self.events:
            if isinstance(event, ev.Hello | ev.Iteration):
                sent[event.rank] += 1
            elif isinstance(event, ev.ConfigurationStarted):
                sent[0] += 1
        for rank, count in sent.items():
            self.add(ev.Bye(t=0, stage=self.stage, rank=rank, count=count))

    def end(self, status: ev.RunStatus) -> None:
        self.add(ev.RunEnded(t=0, status=status, wall=WALL + (self.t - START) / SECOND), 1)

    # --- into a directory -----------------------------------------------------------------------------

    def plan(self) -> Plan:
        return Plan(
            engine="torch",
            profile=self.profile,
            summary=self.summary,
            stages=[Stage(name=name, argv=["true"], cwd="/") for name in self.stage_names],  # type: ignore[arg-type]
            configurations=self.configurations,
        )

    def write(self, root: Path, name: str = "20260101T000000Z_p_7f3a") -> Path:
        """The run directory, with a report when the run has ended."""
        run_dir = root / name
        with layout.create_run_dir(run_dir, self.plan(), "name: p\n"):
            pass
        (run_dir / layout.EVENTS).write_bytes(b"".join(map(encode, self.events)))
        if self.log:
            (run_dir / f"{self.stage}-benchmark.log").write_text(self.log, encoding="utf-8")
        if any(isinstance(event, ev.RunEnded) for event in self.events):
            write_report_of(run_dir, self.plan())
        return run_dir

    def feed(self, root: Path, after_s: float = 0.0) -> RecordedFeed:
        """The run in a directory, seen `after_s` seconds after its last event."""
        at = self.t + round(after_s * SECOND)
        return RecordedFeed(self.write(root), self.plan(), at, pending=list(self.events))


@contextmanager
def on_disk(run: Recorder, root: Path) -> Iterator[Path]:
    """The run in a directory; one that has not ended has a supervisor that lives: this process."""
    run_dir = run.write(root)
    lock = layout.try_lock(run_dir)
    assert lock is not None
    yield run_dir
    os.close(lock)
