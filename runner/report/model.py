"""The final table of a run as data: contents of `report.json`."""

from __future__ import annotations

import msgspec

from runner.plan.plan import Membership
from runner.state.run import Status

SCHEMA = 1
"""Version of `report.json`; raised when a reader of an older one would misread it. New fields are optional
and do not raise it: readers pass over what they do not know, and what is missing has its default."""


class Versus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number beside that of the baseline; in a report that is shown, never in `report.json`."""

    value: float
    """of the baseline"""
    change: float
    """share: 0.02 is 2 % more than the baseline"""
    low: float | None = None
    high: float | None = None
    """95 % interval of the change; None: not known"""
    verdict: str = ""
    """FASTER, SLOWER, BETTER, WORSE, SAME, INCONCLUSIVE or NOT JUDGED"""
    why: str = ""
    """why it is one of the last two"""


class VersusRuns(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The baseline that a report was held against."""

    runs: tuple[str, ...]
    """ids"""
    method: str = ""
    """how the intervals were made, in a sentence"""
    why_not: tuple[str, ...] = ()
    """why it would not be fair, or cannot be done; then no row has a `versus`"""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of one configuration; `value` is missing when there is no number, `note` says why."""

    metric: str
    unit: str
    n: int
    value: float | None = None
    printed: str = ""
    """the engine's own number, as it printed it"""
    note: str = ""
    low: float | None = None
    high: float | None = None
    """95 % interval from the iterations of this run, in `unit`; it knows nothing of how another run of the
    same would come out. None: no bound is known on that side"""
    versus: Versus | None = None


class ConfigurationReport(msgspec.Struct, frozen=True, kw_only=True):
    batch_size: int
    input_len: int
    output_len: int
    rows: list[Row]
    flags: list[str]
    gpu_weights_percent: float = 1.0
    """share of the weights that stayed on the GPU, 0 to 1"""
    requests: int = 0
    """how many requests were batched in flight (`batch_size` is 0 then); 0: batches of fixed size"""
    concurrency: int = 0
    """how many of them were in flight at most; 0: no limit; -1: not known"""


class StageReport(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    status: str
    seconds: float
    exit_code: int | None = None


class SmokeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    prompt: str
    answer: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `report.json`."""

    schema: int
    run: str
    profile: str
    engine: str
    summary: str
    status: Status
    started: float
    """seconds since 1970"""
    seconds: float
    host: str
    ranks: int
    stages: list[StageReport]
    configurations: list[ConfigurationReport]
    flags: list[str]
    answers: list[SmokeAnswer] = []
    """what the model answered: in the smoke run, or to the first requests that trtllm-bench measured"""
    cause: str = ""
    remedy: str = ""
    log: str = ""
    """name of the raw log that holds the cause"""
    gpus: list[str] = []
    """names of the GPUs that the ranks computed on, in the order of the ranks"""
    sweep: Membership | None = None
    """the sweep that the run belongs to; None: a run of its own"""
    baseline: VersusRuns | None = None
    """what the rows' `versus` is about; None: nothing was asked for, or there is no baseline"""


class SummaryRow(msgspec.Struct, frozen=True):
    metric: str
    value: float | None = None


class SummaryConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    batch_size: int
    input_len: int
    output_len: int
    rows: list[SummaryRow]
    flags: list[str]
    gpu_weights_percent: float = 1.0
    requests: int = 0
    concurrency: int = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a report that the list of runs shows."""

    run: str
    profile: str
    engine: str
    summary: str
    status: Status
    started: float
    seconds: float
    configurations: list[SummaryConfiguration]
    flags: list[str]
    host: str = ""
    gpus: list[str] = []
    cause: str = ""
    sweep: Membership | None = None
