"""What happens in a run: its stages, its ranks, what they measure, and how it ends."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runner.events.base import Event
from runner.events.job import JobEnd
from runner.util.bounds import Count, Duration, Latency, Pid, Ranks, Reading, Share, Wall, Whole

SCHEMA = 1
"""Version of the log; raised when a reader of an older version would misread a line."""

StageStatus = Literal["ok", "failed", "stopped", "skipped"]
RunStatus = Literal["finished", "failed", "stopped", "lost"]
PreparationStep = Literal["tiles", "graphs", "ready"]
IterationPhase = Literal["warmup", "timed", "profile"]
"""`profile`: upstream's second loop (--dump_profile), slowed down by its profiler and part of no number"""


class RunStarted(Event, frozen=True, kw_only=True, tag="run_started", gc=False):
    """First line of every log; the only place that relates `t` to the wall clock."""

    run: str
    """id of the run, the name of its directory"""
    schema: Count
    """version of the log"""
    wall: Wall
    """seconds since 1970 at `t`"""
    host: str
    """name of the machine"""
    boot_id: str
    """the kernel's id of the boot; `t` means nothing after another boot"""
    pid: Pid
    """process id of the supervisor"""
    cores: Count
    """logical processors of the machine"""
    version: str
    """version of trtbench-tui"""


class Queued(Event, frozen=True, kw_only=True, tag="queued", gc=False):
    """The run waits for a device that another run holds, or has waited for longer."""

    device: str
    """the device that is in use"""
    holder: str
    """id of the run that holds it, else what is known of the process: `process 12 of user 1000`"""
    waits: bool = False
    """the holder does not hold the device yet: it waits, too, and came earlier"""
    user: str = ""
    """user of the holder; empty: unknown, as in older logs"""
    node: str = ""
    """the node of the device; empty: the run has one node"""


class StageStarted(Event, frozen=True, kw_only=True, tag="stage_started", gc=False):
    """A stage has started; `pid` is the process id of its launcher."""

    stage: Count
    name: str
    pid: Pid
    ranks: Ranks


class StageEnded(Event, frozen=True, kw_only=True, tag="stage_ended", gc=False):
    """A stage has ended, or was skipped."""

    stage: Count
    name: str
    status: StageStatus
    exit_code: Whole | None = None
    """exit code of the launcher; negative: the signal that ended it"""
    note: str = ""
    """why it was skipped"""


class Hello(Event, frozen=True, kw_only=True, tag="hello", gc=False):
    """First record of a rank."""

    stage: Count
    rank: Ranks
    world: Ranks
    """number of ranks"""
    pid: Pid
    host: str
    device: str
    """`cpu` or `cuda:N`, as the rank names it"""
    label: str = ""
    """name of the device, as its driver gives it"""
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    """versions of the software of the rank by its name: PyTorch, CUDA of PyTorch, NCCL, TensorRT-LLM ...;
    empty: the rank did not report any"""


class Bye(Event, frozen=True, kw_only=True, tag="bye", gc=False):
    """Last record of a rank; `count` is how many records it sent before this one."""

    stage: Count
    rank: Ranks
    count: Count


class Slo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bounds that a request must meet to count as good; None: no bound."""

    ttft_ms: Latency | None = None
    """time to first token, milliseconds"""
    tpot_ms: Latency | None = None
    """mean time per output token after the first, milliseconds"""
    e2e_ms: Latency | None = None
    """whole request, milliseconds"""


class ConfigurationStarted(Event, frozen=True, kw_only=True, tag="configuration", gc=False):
    """Warm-up of one configuration begins (sent by rank 0)."""

    stage: Count
    index: Count
    """number of the configuration in the stage, from 0"""
    batch_size: Count
    """sequences per call"""
    input_len: Count
    """tokens of each prompt"""
    output_len: Count
    """0 for an encoder, which generates nothing"""
    num_runs: Count
    """timed iterations, at least"""
    duration: Duration
    """seconds"""
    warm_up: Count
    """iterations that are not measured"""
    gpu_weights_percent: Share = 1.0
    """share of the weights that stays on the GPU, 0 to 1"""
    num_beams: Count = 1
    """beam width"""
    requests: Count = 0
    """how many requests are batched in flight (`batch_size` is 0 then); 0: batches of fixed size, or,
    if `batch_size` is 0, an imported number that is not known"""
    concurrency: Whole = 0
    """how many of them are in flight at most; 0: no limit; -1: not known"""
    slo: Slo | None = None
    """bounds of a good request; None: none are stated"""


class Preparation(Event, frozen=True, kw_only=True, tag="preparation", gc=False):
    """A step of what precedes the warm-up of a configuration, where kernels are compiled (sent by rank 0).

    It is part of no measurement, and the count of `bye` does not include it.
    """

    stage: Count
    rank: Ranks
    config: Count
    """index of the configuration"""
    step: PreparationStep
    """what begins: `tiles`, the choice of tile sizes; `graphs`, compilation and capture of the graphs; or
    `ready`, the end"""
    tiles_s: Duration | None = None
    """seconds of the choice of tile sizes, with `ready`"""
    graphs_s: Duration | None = None
    """seconds of compilation and capture, with `ready`"""
    tiles: Literal["", "measured", "cached", "default"] = ""
    """where the tile sizes come from, with `ready`"""

    @property
    def seconds(self) -> float:
        """The whole preparation."""
        return (self.tiles_s or 0.0) + (self.graphs_s or 0.0)


class Iteration(Event, frozen=True, kw_only=True, tag="iteration", gc=False):
    """One call of the whole batch on one rank; `t` is when it ended there."""

    stage: Count
    rank: Ranks
    config: Count
    """index of the configuration"""
    i: Count
    """number of the iteration within its phase"""
    phase: IterationPhase
    latency_ms: Latency
    """duration of the whole call, milliseconds"""
    generation_ms: Duration | None = None
    """first token to last token, milliseconds"""
    steps: Count | None = None
    """decode steps after the first token"""


class StepTimes(Event, frozen=True, kw_only=True, tag="step_times", gc=False):
    """The times of the decode steps of a timed iteration (sent by rank 0 if the profile asks for them).

    The count of `bye` does not include it.
    """

    stage: Count
    rank: Ranks
    config: Count
    """index of the configuration"""
    i: Count
    """number of the iteration within the timed ones"""
    step_ms: tuple[Duration, ...]
    """milliseconds, in order; at most 1024 values of an iteration and 200,000 of a configuration"""
    each: Annotated[int, Meta(ge=1, le=2**53)] = 1
    """decode steps of a value, which is their mean; the last value may have fewer"""
    slowest_ms: Duration = 0.0
    """the slowest single step, milliseconds"""
    slowest: Count = 0
    """its number in the iteration, from 0"""


class Result(Event, frozen=True, kw_only=True, tag="result", gc=False):
    """What the engine itself printed for one configuration: upstream's keys and values, as printed."""

    stage: Count
    values: dict[str, str]


class Answer(Event, frozen=True, kw_only=True, tag="answer", gc=False):
    """What the model answered to a prompt in a smoke run; a person reads whether it makes sense."""

    stage: Count
    prompt: str
    answer: str


class Host(Event, frozen=True, kw_only=True, tag="host", gc=False):
    """Load of the machine: percent of all cores, bytes of memory."""

    cpu_percent: Reading
    memory_used: Count
    memory_total: Count
    load: Reading
    """load average of the last minute"""
    steal_percent: Reading = 0.0
    """of all cores: what the hypervisor gave to others"""
    waiting_percent: Reading | None = None
    """of the time: a process that could run waited for a processor (pressure stall information)"""
    memory_waiting_percent: Reading | None = None
    """of the time: a process waited for memory (pressure stall information)"""
    log_bytes: Count | None = None
    """size of the raw log of the stage, so that a replay shows as much of it"""


class RankProcess(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the process of one rank does."""

    rank: Ranks
    state: str
    """the kernel's letter: R running, S sleeping, D waiting for a disk or driver, T stopped; `-`: gone"""
    cpu_percent: Reading
    """100 is one core"""


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat", gc=False):
    """A stage that prints and reports nothing still lives."""

    stage: Count
    silent_s: Reading
    """seconds since its last output or record"""
    cpu_percent: Reading
    """processor time of all its processes; 100 is one core"""
    processes: Count
    """number of processes of the stage"""
    output_bytes: Count | None = None
    """size of the directory that it fills"""
    ranks: tuple[RankProcess, ...] = ()
    """of the ranks whose processes are known"""


class Notice(Event, frozen=True, kw_only=True, tag="notice", gc=False):
    """Something worth knowing that does not end the run."""

    level: Literal["info", "warning"]
    text: str
    rank: Ranks | None = None
    """the rank that says so in a record of its own"""
    out_of_memory: str = ""
    """the configuration that the benchmark skipped because GPU memory ran out, as it prints it: `64, 8, 8`"""


class Failure(Event, frozen=True, kw_only=True, tag="failure", gc=False):
    """The first real cause of a failed run, in one sentence, with where it was seen and what to do."""

    cause: str
    remedy: str = ""
    """what to do; empty: not known"""
    log: str = ""
    """name of the raw log that holds the cause"""
    rank: Ranks | None = None
    """the rank that crashed; None: none did, or unknown"""


class Stopping(Event, frozen=True, kw_only=True, tag="stopping", gc=False):
    """The run was asked to stop; `by` names the sender."""

    by: str


class Swept(Event, frozen=True, kw_only=True, tag="swept", gc=False):
    """Processes of the run that had to be killed after a stage or the run ended."""

    killed: Count
    """number of processes that were killed"""
    left: Count
    """number of processes that remain"""
    node: str = ""
    """where, if not on the first node"""


class Gap(Event, frozen=True, kw_only=True, tag="gap", gc=False):
    """Events that could not be written (a full disk); `lost` of them are missing here."""

    lost: Count
    reason: str


class RunEnded(Event, frozen=True, kw_only=True, tag="run_ended", gc=False):
    """Last line of every log."""

    status: RunStatus
    wall: Wall
    """seconds since 1970 at `t`"""
    job_end: JobEnd | None = None
    """how Slurm ended the job of the run; None: it did not, or the run is no job"""
