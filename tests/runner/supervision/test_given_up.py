"""When a run gives up a lost node although ranks of others go on."""

from __future__ import annotations

from runner import events as ev
from runner.state.stages import RankState
from runner.supervision.run_nodes import RANKS_SILENCE_S, given_up

SECOND = 10**9
LIMIT = round(RANKS_SILENCE_S) * SECOND
LOST = {"two": "node two has not answered for 60 s"}


def rank(number: int, host: str, *, last_s: int, finished: bool = False) -> RankState:
    hello = ev.Hello(t=SECOND, stage=0, rank=number, world=3, pid=1, host=host, device="cpu")
    bye = ev.Bye(t=last_s * SECOND, stage=0, rank=number, count=1) if finished else None
    return RankState(number, hello=hello, bye=bye, last_t=last_s * SECOND)


def test_a_lost_node_is_given_up_when_all_its_ranks_are_silent() -> None:
    ranks = [rank(0, "one", last_s=200), rank(1, "two", last_s=10), rank(2, "two", last_s=15)]
    assert given_up(LOST, ranks, 15 * SECOND + LIMIT) == ""
    assert given_up(LOST, ranks, 16 * SECOND + LIMIT) == "node two has not answered for 60 s"
    assert given_up({}, ranks, 1000 * SECOND) == "", "the node answers"


def test_ranks_that_have_finished_are_not_waited_for() -> None:
    assert given_up(LOST, [rank(1, "two", last_s=10, finished=True)], 1000 * SECOND) == ""
