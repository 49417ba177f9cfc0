"""An engine from outside of the repository: a Python script that prints [BENCHMARK] lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from runner.engines import benchmark_line
from runner.engines.check import Check
from runner.engines.interface import Engine, Preflight
from runner.engines.output import OutputReader
from runner.plan.plan import Configuration, Plan, Stage
from runner.schema.axes import SweepSection
from runner.schema.base import Launch, PositiveInt, Problem, Profile, Section

PROGRAM = Path(__file__).with_name("toy_program.py")


class ToyBenchmark(Section, frozen=True):
    """What is measured."""

    batch_size: Annotated[list[PositiveInt], Meta(min_length=1, description="batch sizes")] = msgspec.field(
        default_factory=lambda: [1, 2]
    )


class ToyProfile(Profile, frozen=True, kw_only=True, tag="toy"):
    """A benchmark of the toy."""

    name: str
    description: str = ""
    benchmark: ToyBenchmark = msgspec.field(default_factory=ToyBenchmark)
    launch: Launch = msgspec.field(default_factory=Launch)
    sweep: SweepSection | None = None


def rules(profile: ToyProfile) -> list[Problem]:
    """Return the broken rules of a profile."""
    if max(profile.benchmark.batch_size) > 64:
        return [Problem("benchmark.batch_size", "is above 64, the limit of the toy")]
    return []


def plan(profile: ToyProfile, run_dir: Path) -> Plan:
    """Return a plan of one stage, `toy_program.py`."""
    sizes = profile.benchmark.batch_size
    argv = [profile.launch.python or sys.executable, str(PROGRAM), *map(str, sizes)]
    return Plan(
        engine="toy",
        profile=profile.name,
        summary="a toy",
        stages=[Stage(name="benchmark", argv=argv, cwd=str(run_dir), env=profile.launch.env)],
        configurations=[Configuration(size, 8, 4) for size in sizes],
        devices=["cpu"],
    )


ENGINE = Engine(
    profile=ToyProfile,
    rules=rules,
    plan=plan,
    output=OutputReader(benchmark_line.parse_result),
    model_label=lambda profile: "toy",
    parallel_label=lambda profile: "1 rank",
    preflight=Preflight(
        checks=lambda profile, facts, probe: iter([Check("toy", "pass", f"{len(probe.programs)} programs")]),
        ranks=lambda profile: 1,
        uses_gpus=lambda profile: False,
    ),
)
