"""Running out of memory: which configuration it was, and which larger ones need not be tried."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from runner.engines.diagnosis import is_out_of_memory
from runner.plan.plan import Configuration, Plan, configuration_of
from runner.state.run import RunState
from runner.sweep.directory import Measured
from runner.sweep.spec import WEIGHTS, Cell, Sweep, label, values_at

MORE_NEEDS_MORE = (
    "build.max_batch_size", "build.max_num_tokens", "build.max_input_len", "build.max_seq_len",
    "build.max_beam_width", "build.max_encoder_input_len", "benchmark.num_beams",
    "model.shape.hidden_size", "model.shape.intermediate_size", "model.shape.num_hidden_layers",
    "model.shape.vocab_size",
)  # fmt: skip
"""Axes along which a larger value takes more memory, all else equal; so do batch size, lengths and weights
percent of a configuration. Along every other axis nothing is concluded."""

Point = tuple[int, Configuration]
"""a configuration of a cell, by the number of the cell"""
_SKIPPED = re.compile(r"skipped configuration \((?P<shape>[^()]*)\): not enough")


def outcomes(plan: Plan, state: RunState) -> list[Measured]:
    """How the configurations of an ended run came out of it.

    A configuration is measured when the engine stated its result. One that the engine skipped, or in which a
    run failed, for lack of memory is `memory`; those after it were not reached and are not named here. When
    memory ran out before the first configuration (loading, building), it was not enough for any of them.
    """
    done = {configuration_of(seen.start) for seen in state.configurations if seen.done}
    left = [one for one in plan.configurations if one not in done]
    skipped = _skipped(state, left)
    why = "the benchmark had not enough memory for it and skipped it"
    found = [Measured(configuration=one, outcome="done") for one in plan.configurations if one in done]
    found += [Measured(configuration=one, outcome="memory", why=why) for one in skipped]
    return found + _rest(state, [one for one in left if one not in skipped])


def _rest(state: RunState, left: list[Configuration]) -> list[Measured]:
    cause = state.failure.cause if state.failure else ""
    if state.status == "stopped":
        return [Measured(configuration=one, outcome="stopped", why="its run was stopped") for one in left]
    if state.status == "lost":
        return [Measured(configuration=one, outcome="lost", why=cause or "its run was lost") for one in left]
    where = next((stage.name for stage in state.stages if stage.status == "failed"), "benchmark")
    said = cause if where == "benchmark" or not cause else f"{where}: {cause}"
    if not is_out_of_memory(cause):
        why = said or "the run ended without measuring it"
        return [Measured(configuration=one, outcome="failed", why=why) for one in left]
    under_way = [configuration_of(seen.start) for seen in state.configurations if not seen.done]
    too_large = [one for one in left if one in under_way] or left
    return [Measured(configuration=one, outcome="memory", why=said) for one in too_large]


def _skipped(state: RunState, left: Sequence[Configuration]) -> list[Configuration]:
    """The configurations that the engine said it had not enough memory for."""
    found = []
    for notice in state.notices:
        said = _SKIPPED.search(notice.text)
        numbers = said["shape"].replace(" ", "").split(",")[:3] if said else []
        for one in left:
            shape = [str(one.batch_size), str(one.input_len), str(one.output_len)]
            if numbers == shape[: len(numbers)] and len(numbers) > 1 and one not in found:
                found.append(one)
    return found


# --- pruning -----------------------------------------------------------------------------------------------


def pruned(sweep: Sweep, ran_out: Iterable[Point]) -> dict[Point, str]:
    """Configurations that need at least as much memory as one that ran out of it, and why in words."""
    found: dict[Point, str] = {}
    limits = list(dict.fromkeys(ran_out))
    for cell in sweep.cells:
        for one in cell.configurations:
            point = (cell.number, one)
            for limit in limits:
                if point != limit and needs_as_much(cell, one, sweep.cells[limit[0]], limit[1]):
                    found[point] = f"not tried: {describe(sweep.cells[limit[0]], limit[1])} ran out of memory"
                    break
    return found


def needs_as_much(cell: Cell, one: Configuration, than: Cell, other: Configuration) -> bool:
    """Whether a configuration of a cell needs at least as much memory as another of another cell."""
    if not all(size >= limit for size, limit in zip(_sizes(one), _sizes(other), strict=True)):
        return False
    for (path, value), (_, limit) in zip(cell.values, than.values, strict=True):
        if value == limit:
            continue
        if path not in MORE_NEEDS_MORE or not _at_least(value, limit):
            return False
    return True


def _sizes(one: Configuration) -> tuple[float, ...]:
    """Everything of a configuration that costs memory; no limit on what is in flight costs most."""
    unlimited = one.requests > 0 and not one.concurrency
    return (
        one.batch_size, one.input_len, one.output_len, one.gpu_weights_percent, one.requests,
        math.inf if unlimited else one.concurrency,
    )  # fmt: skip


def _at_least(value: str, limit: str) -> bool:
    try:
        return float(value) >= float(limit)
    except ValueError:
        return False  # `null` is the engine's own choice, which is not known here


def describe(cell: Cell, one: Configuration) -> str:
    """A configuration of a cell in words: `tp 2, batch 8, in/out 128/20`."""
    values = values_at(cell, one).items()
    return ", ".join(label([value]) for value in values if value[1] and value != (WEIGHTS, "1"))
