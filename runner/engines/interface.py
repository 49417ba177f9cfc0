"""The interface of an engine: what a system must provide to be benchmarked.

An engine is one value of the class `Engine`. It consists of a profile struct and a few functions; everything
else (supervision, telemetry, report, export, comparison, sweeps, the dashboard) works without knowing it.

To add an engine of your own, write a package with this module:

    # toy_engine.py
    from runner.engines import benchmark_line
    from runner.engines.interface import Engine, Preflight
    from runner.engines.output import OutputReader
    from runner.plan.plan import Configuration, Plan, Stage
    from runner.schema.axes import SweepSection
    from runner.schema.base import Benchmark, Launch, Profile

    class ToyProfile(Profile, frozen=True, kw_only=True, tag="toy"):
        name: str
        description: str = ""
        benchmark: Benchmark = Benchmark()
        launch: Launch = Launch()
        sweep: SweepSection | None = None

    def plan(profile, run_dir):
        stage = Stage(name="benchmark", argv=["my-benchmark", ...], cwd=str(run_dir))
        return Plan(engine="toy", profile=profile.name, summary="toy", stages=[stage],
                    configurations=[Configuration(8, 128, 20)], devices=["cpu"])

    ENGINE = Engine(
        profile=ToyProfile,
        rules=lambda profile: [],
        plan=plan,
        output=OutputReader(benchmark_line.parse_result),
        model_label=lambda profile: "toy",
        parallel_label=lambda profile: "1 rank",
        preflight=Preflight(
            checks=lambda profile, facts, probe: iter(()),
            ranks=lambda profile: 1,
            uses_gpus=lambda profile: False,  # the default is that each rank needs a GPU
        ),
    )

and an entry point in its pyproject.toml:

    [project.entry-points."trtbench.engines"]
    toy = "toy_engine:ENGINE"

`tests/integration/test_toy_engine.py` runs such an engine from profile to table. Engines in this repository
have a folder next to this file and a line in `registry.py`.

The parts, in the order in which they are used:

- profile, rules: a YAML file becomes a typed profile (`runner.schema.base`, `runner.profile`)
- preflight: `trtbench-tui doctor` checks the machine (`runner.preflight`)
- plan: the profile becomes stages, which are commands (`runner.plan.plan`)
- output: the lines that the commands print become events (`runner.engines.output`)
- importer: results that were measured without this program become runs (`trtbench-tui import`)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from runner.engines.check import Check
from runner.engines.facts import MachineFacts, ProbeAnswer, ProbeQuestions
from runner.engines.imported import ImportedRun
from runner.engines.imported_files import SourceFile
from runner.engines.output import OutputReader
from runner.plan.plan import Plan
from runner.schema.base import Container, Problem, Profile

P = TypeVar("P", bound=Profile)


def _do_nothing(*_: Any) -> None:
    return None


def _no_questions(_: Any) -> ProbeQuestions:
    return ProbeQuestions()


def _no_help(*_: Any) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Preflight(Generic[P]):
    """The checks of an engine, in addition to those of the machine; `checks` and `ranks` are required."""

    checks: Callable[[P, MachineFacts, ProbeAnswer], Iterator[Check]]
    """Yield the checks of a profile: pure, from facts that `runner.preflight` has gathered."""
    ranks: Callable[[P], int]
    """Return the number of ranks; each uses one GPU if GPUs are used."""
    ranks_here: Callable[[P], int] | None = None
    """Return how many of them run on this machine; no function: all."""
    uses_gpus: Callable[[P], bool] = lambda _: True
    """Check whether the ranks use GPUs."""
    mpirun: Callable[[P], str | None] | None = None
    """Return the mpirun that the profile names, None to search for one. No function: mpirun is not needed."""
    container: Callable[[P], Container | None] = _do_nothing
    """Return the container that the stages run in; None: this machine."""
    questions: Callable[[P], ProbeQuestions] = _no_questions
    """Return what the checks need to know about files where the stages run."""
    program_helps: Callable[[P, Plan | None], Mapping[str, str]] = _no_help
    """Return the `--help` texts of the programs in the plan, by a name that the engine chooses."""

    def local_ranks(self, profile: P) -> int:
        """Return how many ranks run on this machine, which the checks are about."""
        return self.ranks(profile) if self.ranks_here is None else self.ranks_here(profile)


@dataclass(frozen=True, kw_only=True)
class Importer:
    """Makes runs from result files that were written without this program."""

    accepts: str
    """description of the files that it reads, for messages"""
    read: Callable[[SourceFile], object | None]
    """Return the parsed file, for `make_runs`; None for a file of another engine.

    Raises:
        UserError: the file is of this engine but cannot be read."""
    make_runs: Callable[[Sequence[Any], Sequence[int]], list[ImportedRun]]
    """Return the runs of parsed files, given the concurrencies that the user states.

    Raises:
        UserError: the files do not belong together, or have no result."""
    explain_failure: Callable[[str], str]
    """Return why a console log has no result, in one sentence; empty if the log does not tell."""
    takes_concurrency: bool = False
    """whether `make_runs` uses the concurrencies; if not, stating them is an error"""


FIRST_FIELDS = (
    "benchmark.batch_size",
    "benchmark.input_output_len",
    "benchmark.num_runs",
    "benchmark.duration",
    "model.dir",
    "parallel.tp",
    "model.dtype",
)
"""The fields that users of most engines change most often."""


@dataclass(frozen=True, kw_only=True)
class Engine(Generic[P]):
    """A system that can be benchmarked."""

    profile: type[P]
    """The struct of its profiles, a subclass of `Profile`; its tag is the name of the engine."""
    rules: Callable[[P], list[Problem]]
    """Return the broken rules between fields of a profile; msgspec has checked each field by itself."""
    plan: Callable[[P, Path], Plan]
    """Return the plan of a run in a run directory; it starts and changes nothing of the run. It may ask
    installed programs for their version and options, and keep the answers.

    Raises:
        UserError: something that the profile names is missing or does not fit."""
    output: OutputReader
    """The parsers of what the stages print and write."""
    model_label: Callable[[P], str]
    """Return a short name of the model, for lists of profiles."""
    parallel_label: Callable[[P], str]
    """Return how the model is split over ranks: `tp 2`."""
    preflight: Preflight[P]
    """The checks of `trtbench-tui doctor`."""
    first_fields: Callable[[P], Sequence[str]] = lambda _: FIRST_FIELDS
    """Return the paths of the fields that a form shows first, in their order; it leaves out unknown ones."""
    tune_axes: Callable[[P], Mapping[str, Any]] = _no_help
    """Return the default search space of `trtbench-tui tune`: path of a field -> its values, in the notation
    of `sweep.axes`; values that do not fit the profile are left out of the search."""
    importer: Importer | None = None
    """Reads results from elsewhere; None: not supported."""

    @property
    def name(self) -> str:
        """The name of the engine, as `engine:` in a profile."""
        return str(self.profile.__struct_config__.tag)

    def gpus_needed(self, profile: P) -> int:
        """Return the number of GPUs of a run; 0: it runs on the CPU."""
        return self.preflight.ranks(profile) if self.preflight.uses_gpus(profile) else 0
