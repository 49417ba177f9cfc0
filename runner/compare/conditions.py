"""Conditions that the numbers of a run depend on: machine, software, and every field of its profile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runner.profile.yaml_file import Data, to_flow
from runner.report.environment import Environment
from runner.state.configuration import states_ranks

_NOT_COMPARED = ("name", "description", "engine", "sweep")
"""Fields of a profile that do not affect the work of the run, or that the report already has."""
NODES, NETWORK = "nodes", "network interfaces"
"""The conditions that count the machines of a run on several, and that name their interfaces."""
GPU_COUNT = "GPUs"
"""The condition that counts the GPUs: a run on more of them may be what is compared."""
_WHOLE = ("model.shape",)
"""Fields that are compared as a whole."""


def conditions_of(where: Environment, engine: str, ranks: str, profile: Data) -> dict[str, str]:
    """Return the conditions of a run by name.

    Unknown conditions are omitted, and so are fields of the profile at their default (see `default_at`).
    """
    found: dict[str, str] = {}
    found["machine"] = ", ".join(node.name for node in where.nodes) or where.host
    if where.nodes:
        found[NODES] = str(len(where.nodes))
        found[NETWORK] = _each(name for node in where.nodes for name in node.network)
    models = [gpu.name for gpu in where.gpus] or sorted({rank.label for rank in where.ranks if rank.label})
    found["device"] = _each(models) or _each(rank.device.partition(":")[0] for rank in where.ranks)
    if models:
        found[GPU_COUNT] = str(max(len(models), len(where.ranks)))
    else:
        found["processor cores"] = str(where.cores or "")
    found["GPU driver"], found["CUDA of the driver"] = where.driver, where.cuda
    found["power limit"] = _each(f"{gpu.power_limit_w:g} W" for gpu in where.gpus if gpu.power_limit_w)
    found["highest SM clock"] = _each(f"{gpu.max_sm_clock} MHz" for gpu in where.gpus if gpu.max_sm_clock)
    found["MIG"] = _each("on" if gpu.mig else "off" for gpu in where.gpus)
    found["engine"], found["ranks"] = engine, ranks if states_ranks(engine) else ""
    found |= where.versions
    found["trtbench-tui"] = where.version
    found |= dict(_fields(profile, ""))
    return {name: value for name, value in found.items() if value}


def _fields(data: Data, path: str) -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        name = f"{path}{key}"
        if name in _NOT_COMPARED:
            continue
        if isinstance(value, dict) and name not in _WHOLE:
            yield from _fields(value, f"{name}.")
        else:
            yield name, to_flow(value)


def _each(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
