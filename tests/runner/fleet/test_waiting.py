"""Waiting for what a host was asked for: its answer, its effect, or why there is none."""

from __future__ import annotations

import pytest

from runner.fleet.fleet import Fleet
from runner.fleet.remote_host import ResumeState
from runner.profile.settings import FleetHost
from runner.util.errors import UserError

FLEET = Fleet([FleetHost(host="box")])


def wait(answer: str | None, *effects: bool, patience_s: float = 60.0) -> None:
    seen = iter(effects)
    state = ResumeState(failed_too=False, answer=answer)
    FLEET.wait_for_answer("box", state, "it is not resumed", patience_s, is_done=lambda: next(seen))


def test_effect_is_awaited_after_the_answer() -> None:
    wait("", False, False, True)


@pytest.mark.parametrize(
    ("answer", "effects", "why"),
    [
        ("the disk is full", (True,), "the disk is full"),
        ("", (False,) * 9, "no effect in 0 s\nit may still happen: look before you try again"),
        (None, (), "it does not answer\nit may still happen: look before you try again"),
    ],
    ids=["refused", "no effect", "no answer"],
)
def test_what_did_not_happen_is_named_with_the_reason(
    answer: str | None, effects: tuple[bool, ...], why: str
) -> None:
    with pytest.raises(UserError) as error:
        wait(answer, *effects, patience_s=0.0)
    assert str(error.value) == f"it is not resumed: {why}"


def test_screen_that_is_closed_waits_for_nothing() -> None:
    state = ResumeState(failed_too=False)
    FLEET.wait_for_answer("box", state, "it is not resumed", 60.0, is_cancelled=lambda: True)
