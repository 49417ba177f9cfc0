"""Verdicts about profiles: found in a thread, once, until a profile changes."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from runner.engines.check import Check
from runner.preflight import fit
from runner.preflight.fit import Fit, LocalMachine
from runner.profile.store import find
from runner.schema.base import Profile
from runner.util.errors import UserError
from tests.support.patience import PATIENCE_S
from tui.screens.home.fits import Asked, Fits

QUICKSTART = Path("quickstart.yaml")


def wait_for_thread() -> None:
    for thread in threading.enumerate():
        if thread.name == "preflight":
            thread.join(PATIENCE_S)


def test_a_profile_is_judged_again_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[tuple[str, bool]] = []
    told: list[int] = []

    def judge(profile: Profile, machine: LocalMachine, *, trusted: bool) -> Fit:
        judged.append((profile.description, trusted))
        return Fit("fits")

    monkeypatch.setattr(fit, "judge", judge)
    first = find("quickstart").load()
    changed = msgspec.structs.replace(first, description="another one")
    fits = Fits()
    assert fits.of(QUICKSTART, first, trusted=True) is None
    for profile, trusted in ((first, True), (first, True), (changed, True), (changed, False)):
        fits.find([Asked(QUICKSTART, profile, trusted)], lambda: told.append(1))
        wait_for_thread()
        assert fits.of(QUICKSTART, profile, trusted=trusted) == Fit("fits")
    assert judged == [(first.description, True), ("another one", True), ("another one", False)]
    assert len(told) == 3
    assert fits.of(QUICKSTART, first, trusted=True) is None


def test_a_profile_that_cannot_be_judged_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(profile: Profile, machine: LocalMachine, *, trusted: bool) -> Fit:
        raise UserError("the folder cannot be read")

    monkeypatch.setattr(fit, "judge", judge)
    fits, profile = Fits(), find("quickstart").load()
    fits.find([Asked(QUICKSTART, profile, True)], lambda: None)
    wait_for_thread()
    unknown = Fit("unknown", "not checked", "the folder cannot be read")
    assert fits.of(QUICKSTART, profile, trusted=True) == unknown


def test_a_preflight_counts_for_the_profile_that_it_checked() -> None:
    fits, profile = Fits(), find("quickstart").load()
    fits.note_preflight(QUICKSTART, profile, Check("GPUs", "fail", "none found", brief="no GPU"))
    assert fits.checked(QUICKSTART, profile) == Fit("does not fit", "no GPU", "GPUs: none found")
    assert fits.checked(QUICKSTART, msgspec.structs.replace(profile, description="x")) is None
    fits.note_preflight(QUICKSTART, profile, None)
    assert fits.checked(QUICKSTART, profile) == Fit("fits")
