"""The report of a run: the content of `report.json`."""

from __future__ import annotations

import msgspec

from runner.events.job import JobEnd
from runner.metrics.ceiling import Ceiling
from runner.metrics.memory_map import MemoryMap
from runner.plan.plan import ModelWeights, SweepMembership
from runner.state.run import LiveStatus
from runner.util.bounds import Count, Ranks, Reading, Share, Wall, Whole

SCHEMA = 1
"""Version of `report.json`; increased when a reader of an older version would misread the file. A new field
does not increase it: new fields are optional, readers ignore unknown fields, missing fields have defaults."""


class Versus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number compared with the baseline; in reports on screen, never in `report.json`."""

    value: Reading
    """the number of the baseline"""
    change: Reading
    """relative change: 0.02 is 2 % more than the baseline"""
    low: Reading | None = None
    high: Reading | None = None
    """95 % interval of the change; None: unknown"""
    verdict: str = ""
    """FASTER, SLOWER, BETTER, WORSE, SAME, INCONCLUSIVE or NOT JUDGED"""
    why: str = ""
    """reason of the last two"""


class VersusRuns(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The baseline that a report was compared with."""

    runs: tuple[str, ...]
    """ids"""
    method: str = ""
    """one sentence on how the intervals were computed"""
    why_not: tuple[str, ...] = ()
    """why the comparison is unfair or impossible; no cell has a `versus` then"""


class MetricCell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of one configuration; without a number, `value` is missing and `note` gives the reason."""

    metric: str
    unit: str
    n: Count
    value: Reading | None = None
    printed: str = ""
    """the engine's own number, as printed"""
    note: str = ""
    low: Reading | None = None
    high: Reading | None = None
    """95 % interval from the iterations of this run, in `unit`; it does not include the variation from run to
    run. None: no bound on that side"""
    versus: Versus | None = None


class PublishedNumber(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A published number of the same work, and the run's own as a share of it."""

    metric: str
    value: Reading
    ratio: Reading
    """the run's number / the published one"""
    where: str
    """program and version that it was measured with"""
    gpu: str
    date: str
    source: str
    differences: tuple[str, ...] = ()
    """what differs between the two, the most likely explanation first"""


class ConfigurationReport(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration: its shape, its metrics and its warnings."""

    batch_size: Count
    input_len: Count
    output_len: Count
    rows: list[MetricCell]
    flags: list[str]
    """warnings, those with the largest effect on the numbers first"""
    flag_effects: list[Reading] = []
    """effect of each flag on the numbers (`runner.metrics.flag`), for sorting; empty: unknown"""
    gpu_weights_percent: Share = 1.0
    """share of the weights on the GPU, 0 to 1"""
    requests: Count = 0
    """number of requests batched in flight (`batch_size` is 0 then); 0: batches of fixed size"""
    concurrency: Whole = 0
    """maximum number of requests in flight; 0: no limit; -1: unknown"""
    ceiling: Ceiling | None = None
    """next to what the GPUs allow; None: not on GPUs, or written by an earlier version"""
    published: list[PublishedNumber] = []
    """published numbers of the same work; in reports on screen, never in `report.json`"""
    memory: MemoryMap | None = None
    """what fills the memory of a GPU; None: nothing is known of it, or written by an earlier version"""


class StageReport(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of the run."""

    name: str
    status: str
    seconds: Reading
    exit_code: Whole | None = None


class SmokeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt and the answer of the model."""

    prompt: str
    answer: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `report.json`."""

    schema: Count
    run: str
    profile: str
    engine: str
    summary: str
    status: LiveStatus
    started: Wall
    """seconds since 1970"""
    seconds: Reading
    host: str
    ranks: Ranks
    stages: list[StageReport]
    configurations: list[ConfigurationReport]
    flags: list[str]
    """warnings about the whole run, those with the largest effect on the numbers first"""
    flag_effects: list[Reading] = []
    """effect of each flag on the numbers, for sorting; empty: unknown"""
    answers: list[SmokeAnswer] = []
    """answers of the model in the smoke run, or to the first requests that trtllm-bench measured"""
    cause: str = ""
    remedy: str = ""
    log: str = ""
    """name of the raw log that contains the cause"""
    job_end: JobEnd | None = None
    """how Slurm ended the job of the run; None: it did not, or the run is no job"""
    gpus: list[str] = []
    """names of the GPUs of the ranks, in the order of the ranks"""
    sweep: SweepMembership | None = None
    """the sweep that the run belongs to; None: none"""
    weights: ModelWeights | None = None
    """the weights that were measured; None: the engine does not say"""
    nodes: list[str] = []
    """names of the machines of a run on several, the first node first; empty: it ran on one"""
    boot_id: str = ""
    """the boot of the machine during which it ran; empty: written by an earlier version"""
    baseline: VersusRuns | None = None
    """the baseline behind the `versus` of cells; None: there is none, or no comparison was requested"""


class SummaryRow(msgspec.Struct, frozen=True):
    """The fields of a `MetricCell` that the list of runs needs."""

    metric: str
    value: Reading | None = None


class SummaryConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a `ConfigurationReport` that the list of runs needs."""

    batch_size: Count
    input_len: Count
    output_len: Count
    rows: list[SummaryRow]
    flags: list[str]
    gpu_weights_percent: Share = 1.0
    requests: Count = 0
    concurrency: Whole = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a report that the list of runs needs."""

    run: str
    profile: str
    engine: str
    summary: str
    status: LiveStatus
    started: Wall
    seconds: Reading
    configurations: list[SummaryConfiguration]
    flags: list[str]
    host: str = ""
    gpus: list[str] = []
    cause: str = ""
    job_end: JobEnd | None = None
    sweep: SweepMembership | None = None
