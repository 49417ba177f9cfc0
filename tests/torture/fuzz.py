"""Random input to every parser of text that others wrote: profiles, printed lines, events, archives."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from runner import archive
from runner import events as ev
from runner.archive.import_results import import_files
from runner.engines.registry import engines
from runner.profile.yaml_file import load_text, to_yaml
from runner.report.build import build_report
from runner.report.text_table import render
from runner.run import layout
from runner.state.run import RunState
from runner.util import paths
from runner.util.errors import UserError
from tests.support import recorded_runs
from tests.support.profiles import torch_profiles
from tests.torture.outcome import Outcome, timer

EXAMPLES = 25
"""Examples of one round of each kind."""

_bytes = st.binary(max_size=40)
_edit = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 30), _bytes)
"""where, as a share of the content; how many bytes are replaced; by what"""
_RESULT = (
    "[BENCHMARK] engine_dir program world_size 1 batch_size 1 gpu_weights_percent 1.0 input_length 8"
    " output_length 4 tokens_per_sec 363.6 percentile95(ms) 12.0 percentile99(ms) 12.0 latency(ms) 11.0\n"
)


def edited(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Return a content with pieces of it replaced."""
    for share, length, new in edits:
        at = int(share * len(content))
        content = content[:at] + new + content[at + length :]
    return content


_edits = st.lists(_edit, min_size=1, max_size=4)


def _profile(text: str, edits: list[tuple[float, int, bytes]]) -> None:
    with contextlib.suppress(UserError):
        load_text(edited(text.encode(), edits).decode("utf-8", "replace"), "a profile")


def _printed(edits: list[tuple[float, int, bytes]]) -> None:
    text = edited(_RESULT.encode() * 2, edits).decode("utf-8", "replace")
    for engine in engines().values():
        for line in text.split("\n"):
            engine.output.parse_result(line)
            engine.output.parse_notice(line)
            engine.output.parse_iteration(line, 0, 0)
            engine.output.shutdown_step(line)
            engine.output.hang_reason(line, 2)
    with tempfile.NamedTemporaryFile(suffix=".log") as file:
        Path(file.name).write_bytes(text.encode())
        with contextlib.suppress(UserError):
            import_files([Path(file.name)], again=True)


def _events(run_dir: Path, edits: list[tuple[float, int, bytes]]) -> None:
    state = RunState()
    for event in ev.decode_lines(edited((run_dir / layout.EVENTS).read_bytes(), edits)):
        ev.encode(event)  # what was read can be written again
        state.apply(event)
    render(build_report(layout.load_plan(run_dir), state, "a run"))


def _archive(packed: Path, edits: list[tuple[float, int, bytes]]) -> None:
    outside = sorted(paths.runs_dir().parent.iterdir())
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        Path(file.name).write_bytes(edited(packed.read_bytes(), edits))
        with contextlib.suppress(UserError):
            archive.unpack_archive(Path(file.name), again=True)
    assert sorted(paths.runs_dir().parent.iterdir()) == outside, "an archive wrote outside"


def fuzz(number: int, seconds: float) -> Outcome:
    """Run all kinds in rounds until the time is over."""
    outcome = Outcome("fuzz")
    run_dir = recorded_runs.finished(2).write(paths.runs_dir())
    with tempfile.TemporaryDirectory() as folder:
        packed = archive.pack_run(run_dir, Path(folder)).path
        return _rounds(outcome, number, seconds, run_dir, packed)


def _rounds(outcome: Outcome, number: int, seconds: float, run_dir: Path, packed: Path) -> Outcome:
    profiles = torch_profiles().map(to_yaml)
    kinds: dict[str, tuple[Callable[..., None], tuple[st.SearchStrategy[Any], ...]]] = {
        "profiles": (_profile, (profiles, _edits)),
        "printed results": (_printed, (_edits,)),
        "logs": (_events, (st.just(run_dir), _edits)),
        "archives": (_archive, (st.just(packed), _edits)),
    }
    is_over = timer(seconds)
    rounds = 0
    while not is_over() and not outcome.problems:
        for kind, (check, strategies) in kinds.items():
            examine = settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            )(given(*strategies)(_positional(check, len(strategies))))
            try:
                seed(number + rounds)(examine)()
            except Exception as error:
                notes = " ".join(getattr(error, "__notes__", ()))
                outcome.problems.append(f"{kind}: {type(error).__name__}: {error} {notes}"[:1000])
            outcome.count(kind, EXAMPLES)
        rounds += 1
    return outcome


def _positional(check: Callable[..., None], count: int) -> Callable[..., None]:
    """Return a function of so many arguments: hypothesis reads its signature."""
    if count == 1:
        return lambda one: check(one)
    return lambda one, two: check(one, two)
