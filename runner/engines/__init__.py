"""What can be benchmarked: one module a system, each turns a profile into stages and reads its output."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from runner.engines.output import OutputReader
from runner.engines.torch import plan as torch
from runner.engines.trtllm import plan as trtllm
from runner.engines.trtllm_bench import plan as trtllm_bench
from runner.plan.plan import RUN_DIR, Plan
from runner.profile import Profile


class Engine(Protocol):
    """What a module of this package offers."""

    OUTPUT: OutputReader

    def plan(self, profile: Profile, run_dir: Path) -> Plan:
        """Stages, files and devices of a run.

        Raises:
            UserError: something that the profile names is missing or does not fit.
        """
        ...


_ENGINES: dict[str, Engine] = {"torch": torch, "trtllm": trtllm, "trtllm-bench": trtllm_bench}


def make_plan(profile: Profile, run_dir: Path = RUN_DIR) -> Plan:
    """The plan of a profile for a run directory; starts and changes nothing.

    Raises:
        UserError: the profile refers to something that is missing on this machine.
    """
    return _ENGINES[profile.engine].plan(profile, run_dir)


def engine_named(name: str) -> Engine:
    return _ENGINES[name]
