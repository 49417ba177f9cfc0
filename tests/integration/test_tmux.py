"""The whole product in tmux, where most people run it: left, killed and started again."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.util import paths
from tests.integration.newcomer import walk
from tests.support.tmux import Tmux

PROFILE = """\
engine: torch
model:
  shape: {hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, num_attention_heads: 4,
          num_key_value_heads: 2, vocab_size: 256}
benchmark: {batch_size: [1], input_output_len: [[8, 8]], num_runs: 10, duration: 4, warm_up: 1}
"""

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("torch", "mpi4py")),
        reason="needs torch and mpi4py in this environment",
    ),
]


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="tmux-") as folder:
        server = Tmux(Path(folder))
        yield server
        server.kill()


@pytest.mark.slow
def test_a_newcomer_gets_from_the_first_start_to_an_export(tmux: Tmux) -> None:
    profiles = paths.user_profiles_dir()
    profiles.mkdir(parents=True)
    (profiles / "tiny.yaml").write_text(f"name: tiny\n{PROFILE}")
    stations: list[str] = []
    table = walk(tmux, "tiny", stations.append)
    assert stations == ["first start", "run", "leave", "attach", "result", "compare"]
    assert "| latency, mean" in table
