"""Out of memory: which configuration ran out, and which larger ones need not be tried."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

import msgspec

from runner.engines.diagnosis import is_out_of_memory
from runner.plan.plan import Configuration, Plan, configuration_of, in_flight
from runner.schema.axes import INSIDE, cell_label
from runner.state.run import RunState
from runner.sweep.directory import MeasuredConfiguration
from runner.sweep.spec import WEIGHTS, SweepCell, SweepSpec, values_at

MORE_NEEDS_MORE = (
    "build.max_batch_size", "build.max_num_tokens", "build.max_input_len", "build.max_seq_len",
    "build.max_beam_width", "build.max_encoder_input_len", "benchmark.num_beams",
    "model.shape.hidden_size", "model.shape.intermediate_size", "model.shape.num_hidden_layers",
    "model.shape.vocab_size",
)  # fmt: skip
"""Axes where a larger value needs more memory, all else equal; so do batch size, lengths and weights percent
of a configuration. Along any other axis nothing is concluded."""

CellPoint = tuple[int, Configuration]
"""number of a cell, and one of its configurations"""
_LEGACY_NOTICE = re.compile(r"skipped configuration \((?P<shape>[^()]*)\): not enough")
"""Notices of earlier versions have no `out_of_memory` field."""


def outcomes_of(plan: Plan, state: RunState) -> list[MeasuredConfiguration]:
    """Return the outcomes of the configurations of an ended run.

    A configuration is `done` when the engine printed its result. It is `memory` when the engine skipped it
    for lack of memory, or when the run ran out of memory in it; those after it were not reached and are not
    returned. When memory ran out before the first configuration (loading, building), all are `memory`.
    """
    done = {configuration_of(seen.start) for seen in state.configurations if seen.done}
    left = [one for one in plan.configurations if one not in done]
    skipped = _skipped(state, left)
    why = "the benchmark skipped it: not enough memory"
    found = [
        MeasuredConfiguration(configuration=one, outcome="done") for one in plan.configurations if one in done
    ]
    found += [MeasuredConfiguration(configuration=one, outcome="memory", why=why) for one in skipped]
    return found + _rest(state, [one for one in left if one not in skipped])


def _rest(state: RunState, left: list[Configuration]) -> list[MeasuredConfiguration]:
    cause = state.failure.cause if state.failure else ""
    if state.status == "stopped":
        return [
            MeasuredConfiguration(configuration=one, outcome="stopped", why="its run was stopped")
            for one in left
        ]
    if state.status == "lost":
        return [
            MeasuredConfiguration(configuration=one, outcome="lost", why=cause or "its run was lost")
            for one in left
        ]
    where = next((stage.name for stage in state.stages if stage.status == "failed"), "benchmark")
    detail = cause if where == "benchmark" or not cause else f"{where}: {cause}"
    if not is_out_of_memory(cause):
        why = detail or "the run ended without measuring it"
        return [MeasuredConfiguration(configuration=one, outcome="failed", why=why) for one in left]
    under_way = [configuration_of(seen.start) for seen in state.configurations if not seen.done]
    too_large = [one for one in left if one in under_way] or left
    return [MeasuredConfiguration(configuration=one, outcome="memory", why=detail) for one in too_large]


def _skipped(state: RunState, left: Sequence[Configuration]) -> list[Configuration]:
    """Return the configurations that the engine skipped for lack of memory."""
    found = []
    for notice in state.notices:
        printed = notice.out_of_memory or _legacy_skip(notice.text)
        numbers = printed.replace(" ", "").split(",")[:3]
        for one in left:
            shape = [str(one.batch_size), str(one.input_len), str(one.output_len)]
            if numbers == shape[: len(numbers)] and len(numbers) > 1 and one not in found:
                found.append(one)
    return found


def _legacy_skip(text: str) -> str:
    found = _LEGACY_NOTICE.search(text)
    return found["shape"] if found else ""


def as_decided(one: MeasuredConfiguration, why: str) -> MeasuredConfiguration:
    """Return the outcome of a configuration whose run was stopped because its interval decided."""
    return msgspec.structs.replace(one, outcome="decided", why=why) if one.outcome == "stopped" else one


# --- pruning -----------------------------------------------------------------------------------------------


def find_pruned(sweep: SweepSpec, out_of_memory: Iterable[CellPoint]) -> dict[CellPoint, str]:
    """Return the configurations that need at least as much memory as one that ran out -> reason."""
    found: dict[CellPoint, str] = {}
    limits = list(dict.fromkeys(out_of_memory))
    for cell in sweep.cells:
        for one in cell.configurations:
            point = (cell.number, one)
            for limit in limits:
                if point != limit and needs_as_much(cell, one, sweep.cells[limit[0]], limit[1]):
                    found[point] = f"not tried: {describe(sweep.cells[limit[0]], limit[1])} ran out of memory"
                    break
    return found


def needs_as_much(cell: SweepCell, one: Configuration, than: SweepCell, other: Configuration) -> bool:
    """Check whether a configuration needs at least as much memory as another one of another cell."""
    if not all(size >= limit for size, limit in zip(_sizes(one), _sizes(other), strict=True)):
        return False
    for (path, value), (_, limit) in zip(cell.values, than.values, strict=True):
        if value == limit:
            continue
        if path in INSIDE:
            continue  # sizes of the configurations
        if path not in MORE_NEEDS_MORE or not _at_least(value, limit):
            return False
    return True


def _sizes(one: Configuration) -> tuple[float, ...]:
    """Return the sizes of a configuration that need memory; unlimited concurrency needs the most."""
    unlimited = in_flight(one) and not one.concurrency
    return (
        one.batch_size, one.input_len, one.output_len, one.gpu_weights_percent, one.requests,
        math.inf if unlimited else one.concurrency,
    )  # fmt: skip


def _at_least(value: str, limit: str) -> bool:
    try:
        return float(value) >= float(limit)
    except ValueError:
        return False  # `null`: the engine chooses, and the value is unknown here


def describe(cell: SweepCell, one: Configuration) -> str:
    """Describe a configuration of a cell: `tp 2, batch 8, in/out 128/20`."""
    values = values_at(cell, one).items()
    return ", ".join(cell_label([value]) for value in values if value[1] and value != (WEIGHTS, "1"))
