"""Engines that entry points add: names, and objects that are not usable engines."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from runner.engines import registry
from runner.engines.interface import Engine
from runner.engines.torch.engine import ENGINE as TORCH
from runner.schema.base import Profile
from runner.util.errors import UserError


class NamedProfile(Profile, frozen=True, kw_only=True, tag="toy"):
    """A profile struct with the tag that an engine needs."""

    name: str


class NumberedProfile(Profile, frozen=True, kw_only=True, tag=7):
    """A profile struct whose tag is not text."""

    name: str


def engine_with(profile: Any) -> Engine[Any]:
    """Return an engine whose profile struct is any object."""
    engine: Any = TORCH
    return replace(engine, profile=profile)


class FakeEntryPoint:
    """An entry point that loads a given object."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self.name, self.value, self.load = "toy", "toy_engine:ENGINE", load


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install entry points that load given objects."""

    def install(*loads: Callable[[], Any]) -> None:
        points = [FakeEntryPoint(load) for load in loads]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
        registry._load_plugins.cache_clear()

    yield install
    registry._load_plugins.cache_clear()


def leave() -> Any:
    """End the program, as a careless module does when it is imported."""
    raise SystemExit(3)


def test_built_in_engines_come_first(install: Callable[..., None]) -> None:
    toy = engine_with(NamedProfile)
    install(lambda: toy)
    assert registry.engine_names() == ["torch", "trtllm", "trtllm-bench", "toy"]
    assert registry.find_engine("toy") is toy
    assert registry.plugin_errors() == ()


@pytest.mark.parametrize(
    ("load", "says"),
    [
        pytest.param(lambda: TORCH, "an engine named 'torch' exists already", id="name in use"),
        pytest.param(lambda: "engine", "expected a runner.engines.interface.Engine, not str", id="no engine"),
        pytest.param(lambda: engine_with(NumberedProfile), "is not a name", id="no name"),
        pytest.param(lambda: engine_with(dict), "is not a subclass of", id="no profile"),
        pytest.param(leave, "SystemExit: 3", id="ends the program"),
    ],
)
def test_an_unusable_plug_in_changes_nothing_else(
    load: Callable[[], Any], says: str, install: Callable[..., None]
) -> None:
    toy = engine_with(NamedProfile)
    install(load, lambda: toy)
    (error,) = registry.plugin_errors()
    assert says in error
    assert error.startswith("the plug-in toy (toy_engine:ENGINE) cannot be loaded: ")
    assert registry.find_engine("torch") is TORCH
    assert registry.find_engine("toy") is toy
    with pytest.raises(UserError, match=r"'tyo' is not an engine; allowed: .*toy\n.*cannot be loaded"):
        registry.find_engine("tyo")


def test_a_name_is_given_once(install: Callable[..., None]) -> None:
    toy = engine_with(NamedProfile)
    install(lambda: toy, lambda: toy)
    assert registry.find_engine("toy") is toy
    assert "an engine named 'toy' exists already" in registry.plugin_errors()[0]
