"""GPU readings: a day of eight GPUs read again, in time and memory."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from statistics import median

from runner import events as ev
from runner.history.run_feed import RunFeed
from runner.plan.plan import Plan
from runner.telemetry.sampler import FAST
from tests.benchmarks.result import Claim, Measured
from tests.support.paths import DATA

HOURS = 24
GPUS = 8
HZ = 2
ENERGY_S = 5
TRIES = 3
FRAME_S = 0.04
"""What a frame of the live screen spends on reading."""
REPLAY = Claim("reading 24 h of 8 GPUs at 2 Hz / json.loads", "<= 1.0", lambda ratio: ratio <= 1.0)
MEMORY = Claim("memory that 24 h of 8 GPUs take, MiB", "<= 150", lambda mib: mib <= 150)


def measure_replay() -> Measured:
    """A log with nothing but what telemetry writes, read as the live screen does it; beside json.loads."""
    tries = [_measured() for _ in range(TRIES)]
    ratio = median(seconds / plain for seconds, _, plain, _ in tries)
    seconds, _, _, size = min(tries)
    text = f"median of {TRIES}; log of {size:.0f} MiB; {seconds:.2f} s of processor time at best"
    return Measured(REPLAY, ratio, text)


def measure_memory() -> Measured:
    """The same; the peak of a process that does nothing else."""
    seconds, grown, _, _ = _measured()
    return Measured(MEMORY, grown, f"peak while reading; read in {seconds:.2f} s")


def _measured() -> tuple[float, float, float, float]:
    """Seconds and MiB to read the log, seconds to decode its lines and no more, its size in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        _write_log(path)
        # A process of its own: the peak of this one is that of every benchmark before.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, grown, plain = pool.apply(_read, (path,))
        return seconds, grown, plain, path.stat().st_size / 2**20


def _read(path: Path) -> tuple[float, float, float]:
    before = _peak_mib()
    start = time.process_time()
    feed = RunFeed(path.parent, Plan(engine="torch", profile="day", summary="", stages=[]))
    while feed.drain(FRAME_S):
        pass
    seconds, grown = time.process_time() - start, _peak_mib() - before
    assert len(feed.state.gpus) == GPUS
    assert feed.state.status == "finished"
    start = time.process_time()
    with open(path, "rb") as lines:
        for line in lines:
            json.loads(line)
    return seconds, grown, time.process_time() - start


def _peak_mib() -> float:
    """Most memory that this process had; what getrusage says begins with that of its parent."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _write_log(path: Path) -> None:
    uuids = [f"GPU-{gpu:08x}-0000-0000-0000-000000000000" for gpu in range(GPUS)]
    recorded = _recorded()
    with open(path, "wb") as file:
        identities = [ev.GpuIdentity(uuid=uuid, index=i) for i, uuid in enumerate(uuids)]
        file.write(ev.encode(ev.GpuInventory(t=0, gpus=identities)))
        file.write(ev.encode(_configuration()))
        for tick in range(HOURS * 3600 * HZ):
            t = tick * 10**9 // HZ
            file.write(ev.encode(_sample(t, tick, recorded)))
            if tick % (ENERGY_S * HZ) == 0:
                for uuid in uuids:
                    file.write(ev.encode(ev.GpuEnergy(t=t, gpu=uuid, mj=tick * 250_000)))
            if tick % (10 * HZ) == 0:
                file.write(ev.encode(_iteration(t, tick)))
        file.write(ev.encode(ev.RunEnded(t=t, status="finished", wall=0.0)))


def _recorded() -> list[ev.GpuSamples]:
    """Samples of a real GPU under load."""
    lines = (DATA / "h200-telemetry" / "2hz.jsonl").read_bytes()
    samples = [event for event in ev.decode_lines(lines) if isinstance(event, ev.GpuSamples)]
    return [sample for sample in samples if sample.sm_active]


def _sample(t: int, tick: int, recorded: list[ev.GpuSamples]) -> ev.GpuSamples:
    """Each GPU plays the recording from another place."""
    rows = [recorded[(tick + 5 * gpu) % len(recorded)] for gpu in range(GPUS)]
    columns: dict[str, ev.GpuColumn] = {name: [getattr(row, name)[0] for row in rows] for name in FAST}
    return ev.GpuSamples(t=t, period_ms=1000 // HZ, **columns)  # type: ignore[arg-type]


def _configuration() -> ev.ConfigurationStarted:
    return ev.ConfigurationStarted(
        t=0, stage=0, index=0, batch_size=1, input_len=8, output_len=8, num_runs=1, duration=0, warm_up=0
    )


def _iteration(t: int, i: int) -> ev.Iteration:
    return ev.Iteration(t=t, stage=0, rank=0, config=0, i=i, phase="timed", latency_ms=9999.0)
