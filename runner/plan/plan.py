"""A plan: the commands of a profile. Pure data; making one starts and changes nothing."""

from pathlib import Path
from typing import Literal, Protocol

import msgspec

from runner.events import MemoryParts, Slo
from runner.plan.container_ref import ContainerMode, ContainerRef
from runner.plan.job_request import JobRequest
from runner.plan.node_launch import NodeLaunch
from runner.plan.skip import SkipReason
from runner.plan.workload import Workload
from runner.util.bounds import Count, Ranks, Reading, Share, Whole

RUN_DIR = Path("$RUN")
"""Placeholder for the run directory in a plan that is only shown."""


MOST_CONFIGURATIONS = 1000
"""Configurations of a run that are planned and kept: readers use a few kilobytes of memory for each."""
UNKNOWN_CONCURRENCY = -1
"""The concurrency of an imported benchmark that does not state it."""


class Configuration(msgspec.Struct, frozen=True):
    """One configuration to measure: lengths, and batch size or requests in flight."""

    batch_size: Count
    """0: requests are batched in flight; `requests` is set instead"""
    input_len: Count
    output_len: Count
    gpu_weights_percent: Share = 1.0
    requests: Count = 0
    """number of requests in flight to measure; 0: batches of fixed size, or an imported run does not tell"""
    concurrency: Whole = 0
    """most of them in flight; 0: no limit, `UNKNOWN_CONCURRENCY` for an imported run that does not tell"""


class _Batching(Protocol):
    @property
    def batch_size(self) -> int: ...


def in_flight(shape: _Batching) -> bool:
    """Check whether requests are batched in flight, instead of batches of fixed size.

    The number of requests does not decide: a result of another program may not state it.
    """
    return shape.batch_size == 0


ConfigurationValues = tuple[int, int, int, float, int, int]
"""The fields of a configuration in their order, as the index of runs and the JSON of a comparison have it."""


def configuration_of(shape: object) -> Configuration:
    """Return the configuration of an event or a report: any object with these fields."""
    fields = Configuration.__struct_fields__
    return Configuration(**{name: getattr(shape, name) for name in fields if hasattr(shape, name)})


StageName = Literal["dataset", "convert", "quantize", "build", "smoke", "benchmark"]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One command of a run."""

    name: StageName
    argv: list[str]
    cwd: str
    env: dict[str, str] = {}
    """variables that this stage adds to the environment"""
    ranks: Ranks = 1
    reports: bool = False
    """the ranks send records from `hello` to `bye`, which decide about success"""
    skip: str = ""
    """why the stage is not run, the text form of `skip_reason`; empty: it runs"""
    output: str = ""
    """the directory that the stage makes, as a path where the stage runs; empty: no kept output"""
    again: str = ""
    """why the output of an earlier run cannot be reused: `max_batch_size 8 -> 16`; empty: there is none"""
    identity: dict[str, str] = {}
    """properties that identify the output; `runner.engines.build_cache` compares them"""
    container: str = ""
    """the container that the stage runs in, the text form of `container_ref`; empty: none"""
    folders: list[str] = []
    """folders that must exist before it starts, as paths where the stage runs"""
    files: dict[str, str] = {}
    """files that its program writes and that are read afterwards: kind -> path where the stage runs"""
    measures: Count | None = None
    """index of the one configuration that it measures; None: its program reports what it measures"""
    shutdown_s: Count = 0
    """seconds that it may take to end after its measurement; 0: no limit"""

    @property
    def skip_reason(self) -> SkipReason | None:
        """Why the stage is not run; None: it runs, or the engine gives the reason as text."""
        return SkipReason.parse(self.skip)

    @property
    def container_ref(self) -> ContainerRef | None:
        """The container that the stage runs in; None: this machine."""
        return ContainerRef.parse(self.container)

    @property
    def uses_host_memory(self) -> bool:
        """Its processes use folders and shared memory of their hosts, and not those of a container."""
        ref = self.container_ref
        return ref is None or ref.mode is ContainerMode.RANKS


class SweepMembership(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The place of a run in a sweep; in `plan.json`, `report.json` and every row of the list of runs.

    Grouping: runs with equal `sweep` and `cell` are repeats of one cell. They ran the same profile (a run may
    have measured only some of its configurations), so their numbers are samples of the same quantity.
    Runs of one sweep with different cells differ only in `values`. `repeat` numbers the
    repeats of a cell; runs with equal `repeat` were measured in the same pass over the cells, so when two
    profiles alternate (A B B A) they make a pair.
    """

    sweep: str
    """id of the sweep, the name of its directory"""
    cell: Count
    """number of the cell in the sweep, from 0"""
    repeat: Count = 0
    """number of the repeat of the cell, from 0"""
    values: tuple[tuple[str, str], ...] = ()
    """what defines the cell: path in the profile and value; `profile` and its name if profiles alternate"""


class Experts(msgspec.Struct, frozen=True, kw_only=True):
    """The experts of a mixture, as one rank has them."""

    total: Count
    """experts of a layer"""
    active: Count
    """experts that a token uses in each layer"""
    bytes: Count
    """weights of one expert in all layers, the share of one rank"""


class TokenWork(msgspec.Struct, frozen=True, kw_only=True):
    """The multiplications of one rank for one token, computed from the model's shape."""

    layer_weights: Count
    """weights of the layers that a token is multiplied with, active experts only; each costs 2 FLOPs"""
    head_weights: Count
    """the same for the output head, which only tokens that are sampled need"""
    attention_width: Count
    """layers x query heads x width of a head; a pair of query and key costs 4 FLOPs for each"""
    dtype: str
    """type of the factors: `float16`, `bfloat16`, `float32`, `fp8` or `int8`"""


class ModelWeights(msgspec.Struct, frozen=True, kw_only=True):
    """The weights that a run measures, as they were when it was planned."""

    folder: str = ""
    """with the checkpoint; empty: random weights"""
    bytes: Count = 0
    """of all tensors of the checkpoint"""
    fingerprint: str = ""
    """identity of the numbers: `runner.ranks.checkpoint.fingerprint`"""

    def __str__(self) -> str:
        """Return `random weights`, or `weights of NAME (16060.5 MB, FINGERPRINT)`."""
        if not self.folder:
            return "random weights"
        name = Path(self.folder).name or self.folder
        return f"weights of {name} ({self.bytes / 1e6:.1f} MB, {self.fingerprint})"


class DecodeReads(msgspec.Struct, frozen=True, kw_only=True):
    """What one rank reads from GPU memory and computes in one decode step, from the model's shape.

    With pipeline parallelism the ranks of all stages together: a step passes through them one by one.
    """

    weight_bytes: Count
    """all weights, except an embedding that is not also the output head (a step reads a few rows of it), and
    except `experts`"""
    kv_bytes_per_token: Count
    """keys and values of one token of one sequence, in all layers"""
    window: Count | None = None
    """most tokens of a sequence that attention reads; None: all"""
    experts: Experts | None = None
    """None: every token uses all weights"""
    work: TokenWork | None = None
    """None: the plan was made by a version that did not state it"""
    stages: Count = 1
    """pipeline stages, which work at the same time on different requests"""


class PredictedMemory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one GPU holds in a configuration, counted before it runs."""

    parts: MemoryParts = MemoryParts()
    cache_share: Share | None = None
    """of what the other parts leave free, for the KV cache; None: its size is one of the parts"""
    why_not: str = ""
    """why a part is not known; empty: all are"""


class Hook(msgspec.Struct, frozen=True):
    """A command to start after the run has ended."""

    argv: list[str]
    timeout: Count = 300
    """seconds after which it is terminated"""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The stages of a run, the files they need in the run directory, and what they occupy."""

    engine: str
    profile: str
    summary: str
    """model and shape, short"""
    stages: list[Stage]
    files: dict[str, str] = {}
    """path in the run directory -> content"""
    configurations: list[Configuration] = []
    devices: list[str] = []
    """devices that only one run at a time may use"""
    nodes: NodeLaunch | None = None
    """None: the run uses one machine"""
    job: JobRequest | None = None
    """the job of Slurm that it runs in; None: Slurm is not used"""
    preflight: bool = False
    """the supervisor runs the checks before the first stage: the nodes were not known before"""
    notes: list[str] = []
    """notes for the user before the start"""
    weights: ModelWeights | None = None
    """None: the engine does not say, or the plan was made by an earlier version"""
    decode_reads: DecodeReads | str = "the plan of this run does not say what a decode step reads"
    """a string: why they are not known"""
    workload: Workload | None = None
    """what published numbers are matched by; None: unknown"""
    stated: dict[str, str] = {}
    """of an imported run, which has no profile: conditions that its result states, by name"""
    memory: list[PredictedMemory] = []
    """of each configuration; empty: not on a GPU, or planned by an earlier version"""
    on_end: Hook | None = None
    webhook: bool = False
    """whether the webhook of the settings gets a message when the run has ended; its address is a secret"""
    slo: Slo | None = None
    """bounds of a good request; None: none are stated"""
    time_limit: Count = 0
    """most seconds that all stages may take together; 0: no limit"""
    gpu_hz: Reading = 2.0
    """GPU readings per second; 0: none"""
    sweep: SweepMembership | None = None
    """the sweep that the run belongs to; None: a run of its own"""
