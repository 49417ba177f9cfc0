"""Logs of runs on several nodes, made of real events; `write_log` records the one in `tests/data`.

.venv/bin/python -m tests.support.node_logs
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from runner import events as ev
from runner.events import AnyEvent, NodeReading, decode_lines, encode
from runner.plan.node_launch import NodeLaunch
from runner.plan.plan import Configuration, Plan, Stage
from runner.report.build import build_report
from runner.report.files import write_report
from runner.run import layout
from runner.state.run import RunState
from tests.support.paths import DATA
from tests.support.recorder import WALL, RecordedFeed

SECOND = 10**9
START = 1_000 * SECOND
RECORDED = DATA / "eight-nodes"


@dataclass
class NodeRun:
    """A run with one rank on each GPU: what its nodes report, in the order of time."""

    nodes: int = 2
    gpus: int = 2
    """of each node"""
    iterations: int = 10
    iteration_s: float = 2.0
    period_s: float = 1.0
    """between two readings of the GPUs"""
    slow_node: int = -1
    """its ranks are 4 % slower"""
    hot_gpu: tuple[int, int] = (-1, -1)
    """node and index of a GPU that is held down by its temperature"""
    silent: int = -1
    """a node that reports nothing in the second half"""
    lost: bool = False
    """that node is given up"""
    absent: int = -1
    """a node whose agent never starts"""
    without_gpus: int = -1
    """a node whose driver cannot be asked"""
    all_columns: bool = False
    """samples have all readings of an H200, not only those that screens show"""
    end: bool = True
    events: list[AnyEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(17)
        self.measured = START + 10 * SECOND
        self.last = self.measured + round(self.iterations * self.iteration_s * SECOND)
        self.events = [*self._beginning(), *self._ranks(), *self._readings(), *self._ending()]
        self.events.sort(key=lambda event: event.t)

    def name(self, node: int) -> str:
        return f"node{node + 1}"

    def state(self) -> RunState:
        state = RunState()
        state.apply_all(self.events)
        return state

    def plan(self) -> Plan:
        names = [self.name(node) for node in range(self.nodes)]
        return Plan(
            engine="torch",
            profile="llama-405b-fp8-tp64",
            summary="405 853.4 M parameters, float8 on cuda",
            stages=[Stage(name="benchmark", argv=["true"], cwd="/", ranks=self.nodes * self.gpus)],
            configurations=[Configuration(8, 512, 128)],
            devices=[f"gpu-{gpu}" for gpu in range(self.gpus)],
            nodes=NodeLaunch(
                launcher="openmpi", argv=["mpirun"], python="python3", nodes=self.nodes, hosts=names,
                ranks_per_node=[self.gpus] * self.nodes,
                devices=[[f"gpu-{gpu}" for gpu in range(self.gpus)]] * self.nodes,
            ),
        )  # fmt: skip

    def feed(self, root: Path, after_s: float = 0.0) -> RecordedFeed:
        """The run in a directory, seen `after_s` seconds after its last event."""
        at = self.events[-1].t + round(after_s * SECOND)
        return RecordedFeed(
            self.write(root / "20260101T000000Z_p_7f3a"), self.plan(), at, pending=self.events
        )

    def write(self, run_dir: Path) -> Path:
        with layout.create_run_dir(run_dir, self.plan(), "name: p\n"):
            pass
        (run_dir / layout.EVENTS).write_bytes(b"".join(map(encode, self.events)))
        state = self.state()
        if not state.running:
            write_report(run_dir, build_report(self.plan(), state))
        return run_dir

    # --- the parts of a run -----------------------------------------------------------------------------

    def _beginning(self) -> list[AnyEvent]:
        begin: list[AnyEvent] = [
            ev.RunStarted(t=START, run="20260101T000000Z_p_7f3a", schema=ev.SCHEMA, wall=WALL, host="node1",
                          boot_id="boot1", pid=4242, cores=64, version="0.1.0"),
        ]  # fmt: skip
        for node in range(self.nodes):
            t, name = START + (2 + node) * SECOND // 10, self.name(node)
            if node != self.absent:
                begin += [
                    ev.NodeJoined(t=t, node=name, boot_id=f"boot{node + 1}", cores=64, first=node == 0,
                                  network={"ib0": f"10.0.0.{node + 1} (400 Gbit/s)"}),
                    ev.NodeClock(t=t + 1, node=name, offset_ns=node * 1_250_000, error_ns=40_000),
                ]  # fmt: skip
        ranks = self.nodes * self.gpus
        begin.append(ev.StageStarted(t=START + 5 * SECOND, stage=0, name="benchmark", pid=4300, ranks=ranks))
        return begin

    def _ranks(self) -> list[AnyEvent]:
        found: list[AnyEvent] = []
        for rank in range(self.nodes * self.gpus):
            node, gpu = divmod(rank, self.gpus)
            found.append(
                ev.Hello(t=self.measured - SECOND + rank, stage=0, rank=rank, world=self.nodes * self.gpus,
                         pid=5000 + gpu, host=self.name(node), device=f"cuda:{gpu}", label="NVIDIA H200")
            )  # fmt: skip
        found.append(
            ev.ConfigurationStarted(t=self.measured - SECOND // 2, stage=0, index=0, batch_size=8,
                                    input_len=512, output_len=128, num_runs=2 * self.iterations,
                                    duration=0, warm_up=0)
        )  # fmt: skip
        for i in range(self.iterations):
            t = self.measured + round((i + 1) * self.iteration_s * SECOND)
            found += self.iteration(i, t)
        return found

    def iteration(self, i: int, t: int) -> list[AnyEvent]:
        """One iteration of all ranks that ends before `t`."""
        ranks = self.nodes * self.gpus
        found: list[AnyEvent] = []
        for rank in range(ranks):
            late = 0.04 if rank // self.gpus == self.slow_node else 0.0
            latency = self.iteration_s * 1000 * (1 - 0.05 + late + 0.0002 * (rank % self.gpus))
            latency = round(latency + self._random.random(), 3)
            found.append(
                ev.Iteration(t=t - ranks + rank, stage=0, rank=rank, config=0, i=i, phase="timed",
                             latency_ms=latency, generation_ms=round(latency * 0.8, 3), steps=127)
            )  # fmt: skip
        return found

    def _readings(self) -> list[AnyEvent]:
        found: list[AnyEvent] = []
        for node in range(self.nodes):
            if node == self.absent:
                continue
            readings = self._of_node(node)
            if node == self.silent:
                until = (self.measured + self.last) // 2
                readings = [event for event in readings if event.t < until]
            wrapped = [ev.FromNode(t=event.t, node=self.name(node), event=event) for event in readings]
            found += wrapped if node else readings
        return found

    def _of_node(self, node: int) -> list[NodeReading]:
        uuids = [f"GPU-{node + 1}-{gpu}" for gpu in range(self.gpus)]
        t = START + SECOND
        found: list[NodeReading] = []
        if node == self.without_gpus:
            found.append(ev.NoGpu(t=t, reason="the NVIDIA driver does not answer"))
        else:
            identities = [
                ev.GpuIdentity(uuid=uuid, index=gpu, name="NVIDIA H200", memory_total=141 << 30,
                               power_limit_w=700.0, max_sm_clock=1980)
                for gpu, uuid in enumerate(uuids)
            ]  # fmt: skip
            found += [
                ev.GpuInventory(t=t, driver="580.159.04", cuda="13.0", gpus=identities),
                ev.GpuMapping(t=t + 1, order="PCI_BUS_ID", visible=None, gpus=uuids),
            ]
        t += SECOND
        readings = 0
        while t <= self.last + SECOND:
            found.append(self.host(node, t))
            if node != self.without_gpus:
                found.append(self.sample(node, t))
                readings += 1
                found += self.energy(node, t) if readings % 3 == 0 else []
            t += round(self.period_s * SECOND)
        return found

    def host(self, node: int, t: int) -> ev.Host:
        return ev.Host(t=t, cpu_percent=12.0 + node % 50, memory_used=(90 + node) << 30,
                       memory_total=2048 << 30, load=8.0 + node)  # fmt: skip

    def energy(self, node: int, t: int) -> list[ev.GpuEnergy]:
        mj = round((t - START) / SECOND * 500_000)
        return [ev.GpuEnergy(t=t, gpu=f"GPU-{node + 1}-{gpu}", mj=mj) for gpu in range(self.gpus)]

    def sample(self, node: int, t: int) -> ev.GpuSamples:
        busy = t >= self.measured
        more: dict[str, ev.GpuColumn] = {}
        if self.all_columns:
            names = (
                "memory_busy",
                "power_average",
                "memory_clock",
                "sm_active",
                "tensor_active",
                "dram_active",
            )
            more = {
                name: [round(40 + 50 * self._random.random(), 2) for _ in range(self.gpus)] for name in names
            }
        hot = self.hot_gpu[1] if self.hot_gpu[0] == node else -1
        each = range(self.gpus)
        return ev.GpuSamples(
            t=t,
            period_ms=round(self.period_s * 1000),
            memory=[(118 << 30) + ((node + gpu) << 28) if busy else 1 << 28 for gpu in each],
            busy=[self._random.randrange(94, 100) if busy else 0 for _ in each],
            power=[(610.0 + self._random.randrange(40)) if busy else 90.0 for _ in each],
            sm_clock=[1290 if gpu == hot else 1980 for gpu in each],
            temperature=[88 if gpu == hot else 60 + gpu for gpu in each],
            reasons=[0x40 if gpu == hot and busy else 0 for gpu in each],
            throttled_us={"hw thermal": [500_000 if gpu == hot and busy else 0 for gpu in each]}
            if hot >= 0
            else {},
            **more,  # type: ignore[arg-type]
        )

    def _ending(self) -> list[AnyEvent]:
        found: list[AnyEvent] = []
        if self.silent >= 0:
            quiet = (self.measured + self.last) // 2
            name = self.name(self.silent)
            found.append(
                ev.NodeStatus(t=quiet + 10 * SECOND, node=name, status="silent", silent_s=10.0,
                              text=f"{name} has sent nothing for 10 s")
            )  # fmt: skip
            if self.lost:
                found.append(
                    ev.NodeStatus(t=quiet + 60 * SECOND, node=name, status="lost", silent_s=60.0,
                                  text=f"{name} has sent nothing for 60 s")
                )  # fmt: skip
        if self.end:
            values = {"batch_size": "8", "input_length": "512", "output_length": "128",
                      "latency(ms)": f"{self.iteration_s * 950:.3f}", "gpu_peak_mem(gb)": "0.0"}  # fmt: skip
            end = max([self.last + 2 * SECOND, *(event.t for event in found)])
            found += [
                ev.Result(t=end, stage=0, values=values),
                ev.StageEnded(t=end + 1, stage=0, name="benchmark", status="ok", exit_code=0),
                ev.RunEnded(t=end + 2, status="finished", wall=WALL + (end - START) / SECOND),
            ]
        return found


def eight_nodes(*, end: bool = False) -> NodeRun:
    """64 GPUs: one node is slower, one GPU is too hot, and a node is silent."""
    return NodeRun(
        nodes=8, gpus=8, iterations=6, iteration_s=4.0, period_s=4.0, slow_node=5, hot_gpu=(2, 3), silent=7,
        end=end,
    )  # fmt: skip


def recorded_feed(root: Path, after_s: float = 0.0) -> RecordedFeed:
    """The recorded log of `eight_nodes` in a directory, seen `after_s` seconds after its last event."""
    events = decode_lines((RECORDED / layout.EVENTS).read_bytes())
    run = NodeRun(nodes=8, gpus=8, iterations=0)
    run.events = events
    return run.feed(root, after_s)


def write_log() -> None:
    """Record the log of `eight_nodes`."""
    RECORDED.mkdir(exist_ok=True)
    (RECORDED / layout.EVENTS).write_bytes(b"".join(map(encode, eight_nodes().events)))


if __name__ == "__main__":
    write_log()
