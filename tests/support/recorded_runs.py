"""Recorded runs for tests: one function for each state of a run."""

from __future__ import annotations

import msgspec

from runner import events as ev
from runner.plan.plan import Configuration
from tests.support.paths import DATA
from tests.support.recorder import Recorder

CAUSE = "rank 1 ran out of memory: it needs 14.2 GiB, 9.8 GiB are free"
REMEDY = "use a smaller batch_size, or more ranks"

LOG = "".join(
    f"[TRT-LLM] [I] {line}\n"
    for line in (
        "Loading weights of rank 0 ... 14.0 GiB in 32.1 s",
        "Weights are loaded. [/tmp/engine] holds 1 engine",
        "Warm up done. Start benchmarking.",
    )
)

# --- the runs that tests draw ------------------------------------------------------------------------------


def warming_up() -> Recorder:
    run = Recorder(log=LOG)
    run.begin()
    run.begin_stage()
    run.hello()
    run.load(12)
    run.begin_configuration()
    run.iterate(1, "warmup")
    return run


def converting() -> Recorder:
    """A first stage that is silent, and lives."""
    run = Recorder(stage_names=("convert", "build", "benchmark"), log="")
    run.begin()
    run.begin_stage("convert", 1)
    run.load(40)
    beat = ev.Heartbeat(t=0, stage=0, silent_s=75, cpu_percent=812, processes=12, output_bytes=14 << 30)
    run.add(beat, 75)
    return run


def stalled() -> Recorder:
    """Eight ranks of which one is behind, 40 s after the last iteration."""
    run = on_gpus(8, 8)
    missing = [event for event in run.events if isinstance(event, ev.Iteration) and event.rank == 3][-1]
    run.events.remove(missing)
    states = tuple(
        ev.RankProcess(rank=rank, state="D" if rank == 3 else "R", cpu_percent=0.0 if rank == 3 else 99.8)
        for rank in range(8)
    )
    beat = ev.Heartbeat(t=0, stage=2, silent_s=75, cpu_percent=699, processes=10, ranks=states)
    run.add(beat, 75)
    return run


def stale() -> Recorder:
    """GPUs that were read and are no longer."""
    run = on_gpus(8, 8)
    run.add(ev.Telemetry(t=0, state="stale", text="no GPU reading for 12 s; the process is asked again"), 12)
    return run


def with_outliers() -> Recorder:
    """Sixty iterations: one while a GPU was slowed down, one while the host was busy, one for no reason."""
    run = on_gpus(2, 2)
    run.events = [event for event in run.events if not isinstance(event, ev.Iteration | ev.GpuSamples)]
    run.read_gpus(1)
    run.iterate(2, "warmup")
    for i in range(60):
        slow = i in (20, 35, 50)
        run.iterate(1, base_ms=6800 if slow else 6300, first=i)
        run.read_gpus(1, hot=1 if i == 20 else -1)
        run.load(80 if i == 35 else 12)
    return run


def starved() -> Recorder:
    """Nine iterations that vary widely on a machine with too few free processors."""
    run = Recorder(ranks=2, duration=30.0, log=LOG)
    run.begin()
    run.begin_stage()
    run.hello()
    run.begin_configuration()
    run.iterate(2, "warmup", base_ms=1900)
    for i in range(9):
        run.iterate(1, first=i, base_ms=(1900, 2400, 3800, 2100, 1950, 3300, 2000, 2900, 1900)[i])
        run.starve(3)
    return run


def under_way(ranks: int = 2, iterations: int = 7, **changes: object) -> Recorder:
    """Timing the second of four configurations."""
    asked = [Configuration(batch, 64, 24) for batch in (1, 4, 8, 16)]
    run = Recorder(asked, ranks=ranks, log=LOG)
    for name, value in changes.items():
        setattr(run, name, value)
    run.begin()
    run.begin_stage()
    run.hello()
    run.load()
    run.begin_configuration(0)
    run.iterate(2, "warmup", 0, 3100)
    run.iterate(10, "timed", 0, 3100)
    run.result(0)
    run.begin_configuration(1)
    run.iterate(2, "warmup", 1)
    run.iterate(iterations, "timed", 1, spike=4)
    run.load()
    return run


def on_gpus(count: int, ranks: int, *, hot: int = -1) -> Recorder:
    """Timing on GPUs, after a smoke run that answered."""
    run = Recorder(
        [Configuration(16, 1024, 1024)], ranks=ranks, log=LOG, stage_names=("build", "smoke", "benchmark"),
        summary="32 763.9 M parameters, float16 on cuda",
    )  # fmt: skip
    run.begin()
    run.begin_gpus(count)
    run.begin_stage("build", 1)
    run.end_stage("build", "skipped")
    run.begin_stage("smoke")
    said = "Des machines qui apprennent,\nà partir d'exemples, ce que personne n'a écrit dans un programme."
    run.add(ev.Answer(t=0, stage=1, prompt="What is deep learning, in one sentence?", answer=said), 5)
    run.end_stage("smoke")
    run.begin_stage()
    run.hello(device="cuda")
    run.load(12)
    run.begin_configuration()
    run.iterate(2, "warmup")
    run.read_gpus(30, busy=99)
    run.iterate(7, spike=4)
    run.read_gpus(30, hot=hot)
    run.load(12)
    return run


def shared_gpus(count: int = 8) -> Recorder:
    """GPUs with a rank each; another user computes on GPU 1, and a process without an owner on GPU 0."""
    run = on_gpus(count, count)
    started = next(event for event in run.events if isinstance(event, ev.RunStarted))
    mine = ev.ComputeProcess(
        pid=0, memory=71 << 30, user="bob", command="python3 benchmark.py", run=started.run
    )
    alice = ev.ComputeProcess(pid=99123, memory=3 << 30, user="ali\x1b[31mce", command="python3 train.py")
    for number in range(count):
        found = [msgspec.structs.replace(mine, pid=4301 + number)]
        found += [alice] if number == 1 else [ev.ComputeProcess(pid=77)] if number == 0 else []
        run.add(ev.GpuProcessTable(t=0, gpu=f"GPU-{number}", processes=found))
        run.add(ev.GpuHealth(t=0, gpu=f"GPU-{number}", pcie_generation=5, pcie_width=16))
    return run


def recorded_on_an_h200() -> Recorder:
    """A rank under way beside what telemetry recorded of a real H200."""
    run = on_gpus(1, 1)
    run.events = [event for event in run.events if not event.__class__.__name__.startswith("Gpu")]
    recorded = ev.decode_lines((DATA / "h200-telemetry" / "2hz.jsonl").read_bytes())
    later = run.t - recorded[-1].t
    [inventory] = [event for event in recorded if isinstance(event, ev.GpuInventory)]
    mapping = ev.GpuMapping(t=run.t, order="PCI_BUS_ID", visible=None, gpus=[inventory.gpus[0].uuid])
    run.events += [mapping, *(msgspec.structs.replace(event, t=event.t + later) for event in recorded)]
    return run


def finished(configurations: int = 4, iterations: int = 10) -> Recorder:
    asked = [Configuration(batch, 64, 24) for batch in (1, 4, 8, 16)][:configurations]
    run = Recorder(asked, log=LOG)
    run.begin()
    run.begin_stage()
    run.hello()
    for index in range(configurations):
        run.begin_configuration(index)
        run.iterate(2, "warmup", index, 3100 * (index + 1))
        run.iterate(iterations, "timed", index, 3100 * (index + 1))
        run.result(index)
    run.bye()
    run.end_stage()
    run.end("finished")
    return run


def failed() -> Recorder:
    run = Recorder(log=LOG + "Traceback (most recent call last):\nMemoryError: 14.2 GiB\n")
    run.begin()
    run.begin_stage()
    run.hello()
    run.begin_configuration()
    run.iterate(1, "warmup")
    run.end_stage(status="failed", code=137)
    run.add(ev.Failure(t=0, cause=CAUSE, remedy=REMEDY, log="0-benchmark.log"))
    run.end("failed")
    return run


def queued() -> Recorder:
    run = Recorder()
    run.begin()
    run.add(ev.Queued(t=0, device="cpu", holder="20251231T235900Z_other_12ab", user="alice"))
    return run


def stopped() -> Recorder:
    run = under_way()
    run.add(ev.Stopping(t=0, by="the dashboard"), 1)
    run.end_stage(status="stopped", code=-15)
    run.end("stopped")
    return run


def lost() -> Recorder:
    run = under_way(iterations=3)
    run.add(ev.Failure(t=0, cause="the run was lost: its supervisor was killed while it ran"), 5)
    run.end("lost")
    return run


def not_started() -> Recorder:
    return Recorder()


def long_names() -> Recorder:
    run = under_way(
        profile="a-profile-with-a-very-long-name-that-nobody-would-type-twice-v2.5",
        summary="a model of many words, bfloat16 on an accelerator with a long name, tp 64",
    )
    run.log = "x" * 500 + "\n"
    return run


def chinese() -> Recorder:
    run = under_way(profile="通义千问-32b", summary="模型参数 327 亿, 半精度")
    run.log = "正在加载模型权重 ...\r加载完成: 14.0 GiB\n\x1b[31m警告\x1b[0m: 内存不足\x07\n"
    return run
