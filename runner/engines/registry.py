"""The engines by name: the built-in ones, and those that installed packages add.

A built-in engine is a folder of this package and an entry of `_BUILT_IN`. It is imported when it is asked
for. The supervisor of a run imports only how the output of its engine is read (`find_output`): profile, plan
and checks would take a third of its start. Another package adds an engine with an entry point of the group
`trtbench.engines` (see `runner.engines.interface`). Entry points are loaded once, when an engine is asked for
that is not built in, or when all engines are listed. An entry point that cannot be loaded is reported by
`plugin_errors` and does not affect other engines.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from runner.engines.interface import Engine, Importer
from runner.engines.output import OutputReader
from runner.engines.slurm.srun import job_request, node_launch
from runner.plan.plan import MOST_CONFIGURATIONS, RUN_DIR, Plan
from runner.schema.base import Profile
from runner.util.errors import UserError

GROUP = "trtbench.engines"
"""The group of entry points that add engines."""

_BUILT_IN = {
    "torch": "runner.engines.torch",
    "trtllm": "runner.engines.trtllm",
    "trtllm-bench": "runner.engines.trtllm_bench",
}
"""package by name of the engine; its module `engine` has the engine as `ENGINE`, `output` its `OUTPUT`"""
_RESULT_FILES = "runner.engines.serving_results"
"""the package with a module for each of `RESULT_PROGRAMS`, which has an `IMPORTER`"""


class _Plugins(NamedTuple):
    engines: dict[str, Engine[Any]]
    errors: tuple[str, ...]


def engines() -> dict[str, Engine[Any]]:
    """Return all engines by name, built-in ones first."""
    return {name: _built_in(name) for name in _BUILT_IN} | _load_plugins().engines


def importers() -> dict[str, Importer]:
    """Return what reads result files, by the engine of the runs that it makes.

    Programs without an engine come first: their files can be told apart by the names of fields.
    """
    from runner.state.configuration import RESULT_PROGRAMS  # only an import needs the state of a run

    others = {name: import_module(f"{_RESULT_FILES}.{name}").IMPORTER for name in RESULT_PROGRAMS}
    return others | {engine.name: engine.importer for engine in engines().values() if engine.importer}


def engine_names() -> list[str]:
    """Return the values that `engine:` in a profile may have."""
    return [*_BUILT_IN, *_load_plugins().engines]


def is_engine(name: object) -> bool:
    """Check whether an engine has this name; loads plug-ins only if no built-in engine has it."""
    return isinstance(name, str) and (name in _BUILT_IN or name in _load_plugins().engines)


def plugin_errors() -> tuple[str, ...]:
    """Return a sentence for each entry point that cannot be used."""
    return _load_plugins().errors


def find_engine(name: str) -> Engine[Any]:
    """Return the engine with this name.

    Raises:
        UserError: there is no such engine.
    """
    found = _built_in(name) if name in _BUILT_IN else _load_plugins().engines.get(name)
    if found is None:
        allowed = ", ".join(engine_names())
        raise UserError(f"{name!r} is not an engine; allowed: {allowed}", hint=plugin_hint())
    return found


def find_output(name: str) -> OutputReader:
    """Return how the output of an engine is read.

    Raises:
        UserError: there is no such engine.
    """
    if name in _BUILT_IN:
        output: OutputReader = import_module(f"{_BUILT_IN[name]}.output").OUTPUT
        return output
    return find_engine(name).output


def plugin_hint() -> str:
    """Return why plug-ins are missing, as a hint for an engine that is not found; empty without errors."""
    return "; ".join(plugin_errors())


def profile_struct(engine: str) -> type[Profile]:
    """Return the struct of an engine's profiles."""
    struct: type[Profile] = find_engine(engine).profile
    return struct


def make_plan(profile: Profile, run_dir: Path = RUN_DIR) -> Plan:
    """Return the plan of a profile for a run directory; start and change nothing.

    Raises:
        UserError: the profile refers to something that is missing on this machine, or has too many
            configurations.
    """
    plan: Plan = find_engine(profile.engine).plan(profile, run_dir)
    if len(plan.configurations) > MOST_CONFIGURATIONS:
        raise UserError(
            f"{profile.name}: {len(plan.configurations)} configurations in one run; allowed: at most"
            f" {MOST_CONFIGURATIONS}",
            hint="use fewer batch sizes or lengths, or several profiles",
        )
    return _in_job(msgspec.structs.replace(plan, time_limit=profile.launch.time_limit), profile)


def _in_job(plan: Plan, profile: Profile) -> Plan:
    """Add what the profile asks of Slurm."""
    slurm = profile.launch.slurm
    if slurm is None:
        return plan
    engine = find_engine(profile.engine)
    ranks = engine.preflight.ranks(profile)
    job = job_request(slurm, profile.name, ranks, engine.gpus_needed(profile))
    return msgspec.structs.replace(plan, job=job, nodes=node_launch(slurm, ranks))


@cache
def _built_in(name: str) -> Engine[Any]:
    engine: Engine[Any] = import_module(f"{_BUILT_IN[name]}.engine").ENGINE
    return engine


@cache
def _load_plugins() -> _Plugins:
    from importlib.metadata import entry_points  # slow to import, and most commands do not need it

    found: dict[str, Engine[Any]] = {}
    errors: list[str] = []
    for point in entry_points(group=GROUP):
        try:
            engine = _checked(point.load())
            if engine.name in _BUILT_IN or engine.name in found:
                raise ValueError(f"an engine named {engine.name!r} exists already")
        except (Exception, SystemExit) as error:  # whatever a foreign module raises when it is imported
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            errors.append(f"the plug-in {point.name} ({point.value}) cannot be loaded: {reason}")
        else:
            found[engine.name] = engine
    return _Plugins(found, tuple(errors))


def _checked(engine: object) -> Engine[Any]:
    """Return the object of an entry point if it is a usable engine.

    Raises:
        TypeError: it is not; the message says what is expected.
    """
    if not isinstance(engine, Engine):
        raise TypeError(f"expected a runner.engines.interface.Engine, not {type(engine).__name__}")
    struct = engine.profile
    if not (isinstance(struct, type) and issubclass(struct, Profile)):
        raise TypeError("its profile is not a subclass of runner.schema.base.Profile")
    if not isinstance(struct.__struct_config__.tag, str):
        raise TypeError(f'the tag of {struct.__name__} is not a name; allowed: text, such as tag="toy"')
    return engine
