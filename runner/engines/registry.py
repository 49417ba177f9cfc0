"""The engines by name.

An engine of this package is one folder and one line here. A package of somebody else adds an engine with an
entry point of the group `trtbench.engines` that names its `Engine`; it is loaded when a profile or a run asks
for an engine that is not built in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.engines.interface import Engine
from runner.engines.torch.engine import ENGINE as TORCH
from runner.engines.trtllm.engine import ENGINE as TRTLLM
from runner.engines.trtllm_bench.engine import ENGINE as TRTLLM_BENCH
from runner.errors import UserError
from runner.plan.plan import RUN_DIR, Plan
from runner.schema.base import Profile

GROUP = "trtbench.engines"
"""The group of entry points that further engines are found by"""

_ENGINES: dict[str, Engine[Any]] = {engine.name: engine for engine in (TORCH, TRTLLM, TRTLLM_BENCH)}
_installed_loaded = False


def engines() -> dict[str, Engine[Any]]:
    """Every engine by its name, those of installed packages included; the first call looks for these."""
    _load_installed()
    return _ENGINES


def engine_names() -> list[str]:
    """The names that `engine:` in a profile may have."""
    return list(engines())


def is_engine(name: object) -> bool:
    """Whether an engine has this name; looks for those of other packages only if none here has it."""
    return isinstance(name, str) and (name in _ENGINES or name in engines())


def engine_named(name: str) -> Engine[Any]:
    """The engine of this name.

    Raises:
        UserError: there is none.
    """
    if not is_engine(name):
        raise UserError(f"{name!r} is not an engine; there are {', '.join(_ENGINES)}")
    return _ENGINES[name]


def profile_struct(engine: str) -> type[Profile]:
    """The struct of an engine's profiles."""
    struct: type[Profile] = engine_named(engine).profile
    return struct


def make_plan(profile: Profile, run_dir: Path = RUN_DIR) -> Plan:
    """The plan of a profile for a run directory; starts and changes nothing.

    Raises:
        UserError: the profile refers to something that is missing on this machine.
    """
    plan: Plan = engine_named(profile.engine).plan(profile, run_dir)
    return plan


def _load_installed() -> None:
    global _installed_loaded
    if _installed_loaded:
        return
    _installed_loaded = True
    from importlib.metadata import entry_points  # a tenth of the start, and most commands do without

    for point in entry_points(group=GROUP):
        engine = point.load()
        _ENGINES.setdefault(engine.name, engine)
