"""Outputs of stages: reused when nothing changed, never when half-written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.engines.build_cache import (
    MARKER,
    CacheLookup,
    commit,
    describe_changes,
    key,
    lookup,
    model_identity,
    output_dir,
    prepare,
)

IDENTITY = {"max_batch_size": "16", "dtype": "float16"}


@pytest.fixture
def output(tmp_path: Path) -> str:
    return output_dir(f"{tmp_path}/work", "demo", "engine", IDENTITY)


def make(output: str, identity: dict[str, str] = IDENTITY) -> None:
    """What a stage does: prepare, write, commit."""
    prepare(output)
    Path(output).mkdir()
    (Path(output) / "rank0.engine").write_text("weights")
    commit(output, identity)


def test_a_name_tells_what_made_it(output: str) -> None:
    assert Path(output).name == f"demo-engine-{key(IDENTITY)}"
    assert key(IDENTITY) == key(dict(reversed(IDENTITY.items()))), "the order says nothing"
    assert key(IDENTITY) != key(IDENTITY | {"max_batch_size": "8"})


def test_nothing_there(output: str) -> None:
    assert lookup(output, IDENTITY) == CacheLookup("absent")


def test_finished_is_reused(output: str) -> None:
    make(output)
    assert lookup(output, IDENTITY) == CacheLookup("reuse")


def test_half_written_is_not(output: str) -> None:
    Path(output).mkdir(parents=True)
    (Path(output) / "rank0.engine").write_text("half")
    assert lookup(output, IDENTITY) == CacheLookup("half-written", "an earlier run did not finish it")
    prepare(output)
    assert not Path(output).exists()
    assert Path(output).parent.is_dir()


@pytest.mark.parametrize("torn", ["", "{", '["a"]', '{"max_batch_size": 16}'])
def test_a_torn_marker_is_none(output: str, torn: str) -> None:
    make(output)
    (Path(output) / MARKER).write_text(torn)
    assert lookup(output, IDENTITY).state == "half-written"


def test_changed_says_what(output: str) -> None:
    make(output)
    wanted = IDENTITY | {"max_batch_size": "32", "gemm_plugin": "auto"}
    other = output_dir(str(Path(output).parent), "demo", "engine", wanted)
    expected = CacheLookup("changed", "max_batch_size 16 -> 32, gemm_plugin not given -> auto")
    assert lookup(other, wanted) == expected
    assert lookup(output, wanted) == expected, "also when the marker itself says otherwise"


def test_the_newest_earlier_output_is_compared(tmp_path: Path) -> None:
    for age, batch in ((100, "4"), (50, "8")):
        identity = {"max_batch_size": batch}
        output = output_dir(str(tmp_path), "demo", "engine", identity)
        make(output, identity)
        os.utime(output, (10_000 - age, 10_000 - age))
    wanted = {"max_batch_size": "16"}
    found = lookup(output_dir(str(tmp_path), "demo", "engine", wanted), wanted)
    assert found == CacheLookup("changed", "max_batch_size 8 -> 16")


def test_another_profile_or_kind_is_not_compared(tmp_path: Path) -> None:
    make(output_dir(str(tmp_path), "demo", "checkpoint", IDENTITY))
    make(output_dir(str(tmp_path), "demo-engine", "engine", IDENTITY))
    wanted = {"max_batch_size": "16"}
    assert lookup(output_dir(str(tmp_path), "demo", "engine", wanted), wanted) == CacheLookup("absent")


def test_difference() -> None:
    assert describe_changes({"a": "1", "b": "2"}, {"b": "2"}) == "a 1 -> not given"
    assert describe_changes(IDENTITY, IDENTITY) == ""


def test_a_model_is_known_by_its_files(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    before = model_identity(str(model))
    assert before.startswith(f"{model}, 1 files, 0.0 GiB, ")
    (model / "model.safetensors").write_bytes(b"weights")
    assert model_identity(str(model)) != before
    assert model_identity(f"{tmp_path}/none") == f"{tmp_path}/none, not readable"


def test_a_config_of_the_same_size_and_time_is_another(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    identities = set()
    for text in ('{"a": 1}', '{"a": 2}'):
        config.write_text(text)
        os.utime(config, (1, 1))
        identities.add(model_identity(str(tmp_path)))
    assert len(identities) == 2
