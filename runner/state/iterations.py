"""How iterations change the state of a run: one by one, or many at once.

A long log has millions of them, so those of one rank that follow one another are added by column. That gives
the same state as one by one, to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from runner import events as ev
from runner.state import node_fold
from runner.state.stages import RankState
from runner.stats import Mean

if TYPE_CHECKING:
    from runner.state.run import RunState

FEWEST = 4
"""Fewer iterations are added one by one."""
_RANK = attrgetter("rank")
_PART = attrgetter("config", "phase")


def rank_of(state: RunState, rank: int) -> RankState:
    """Return the state of a rank, which is new if nothing is known of it."""
    found = state.ranks.get(rank)
    if found is None:
        found = state.ranks[rank] = RankState(rank)
    return found


def take_all(state: RunState, events: Sequence[ev.Iteration]) -> None:
    """Apply iterations that follow one another in the log."""
    if len(events) < FEWEST or state.nodes:  # with several nodes, the order of the ranks matters
        _take_in_order(state, events)
        return
    for rank in dict.fromkeys(map(_RANK, events)):
        own = [event for event in events if event.rank == rank]
        parts = set(map(_PART, own))
        if len(parts) == 1 and own[0].phase == "timed":
            _take_timed(state, rank, own)
        else:
            _take_in_order(state, own)


def _take_in_order(state: RunState, events: Sequence[ev.Iteration]) -> None:
    """Apply iterations one by one; of a run with nodes also how long they were on other ranks than 0."""
    ranks = state.ranks
    measured = state.configurations[-1] if state.configurations and not state.left_out else None
    slowest = node_fold.slowest_by_place(state.configurations) if state.nodes else {}
    state.heartbeat = None
    for event in events:
        rank = ranks.get(event.rank) or rank_of(state, event.rank)
        _note(rank, event, 1)
        timed = event.phase == "timed"
        if timed:
            rank.timed.add(event.latency_ms)
        if event.rank == 0 and event.phase != "profile" and measured is not None:
            measured.take(event)
        elif timed and slowest:
            of = slowest.get((event.stage, event.config))  # records of other ranks may arrive later
            if of is not None and event.latency_ms > of.least:
                of.offer_rank(event.i, event.rank, event.latency_ms)


def _take_timed(state: RunState, number: int, events: Sequence[ev.Iteration]) -> None:
    """Apply timed iterations of one rank and configuration."""
    rank = rank_of(state, number)
    _note(rank, events[-1], len(events))
    state.heartbeat = None
    latencies = [event.latency_ms for event in events]
    rank.timed.extend(latencies)
    if number == 0 and state.configurations and not state.left_out:
        state.configurations[-1].take_timed(events, latencies)


def _note(rank: RankState, last: ev.Iteration, count: int) -> None:
    rank.records += count
    if rank.config != last.config:
        rank.config = last.config
        rank.timed = Mean()
    rank.i = last.i
    rank.phase = last.phase
    rank.last_t = last.t
