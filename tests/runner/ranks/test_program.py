"""The program as it is started: by path, alone and under mpirun."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runner.engines import benchmark_line
from tests.runner.ranks.support import (
    mpirun,
    needs_mpi,
    python,
    read_records,
    torch_or_skip,
    write_shape,
)
from tests.support.paths import ROOT, TESTS

with torch_or_skip():
    import torch

    from runner.ranks import device, measuring, program
    from runner.ranks.collectives import SingleRank
    from runner.ranks.errors import StartError
    from runner.ranks.generation import Generation, Timing, timed_generation
    from runner.ranks.shape import DecoderShape, read_shape

TOGETHER = TESTS / "runner" / "ranks" / "two_ranks_program.py"


def flags(engine_dir: Path, **changes: str) -> list[str]:
    values = {
        "engine_dir": str(engine_dir),
        "batch_size": "1;3",
        "input_output_len": "8,4;5,1",
        "dtype": "float32",
        "device": "cpu",
        "num_runs": "3",
        "duration": "0",
        "warm_up": "1",
    }
    return [word for key, value in (values | changes).items() for word in (f"--{key}", value)]


def printed(text: str) -> list[dict[str, str]]:
    return [values for values in map(benchmark_line.parse, text.splitlines()) if values is not None]


def timed(records: list[dict[str, Any]], config: int, field: str = "latency_ms") -> list[float]:
    return [
        record[field]
        for record in records
        if record["kind"] == "iteration" and record["phase"] == "timed" and record["config"] == config
    ]


class TwoRanks(NamedTuple):
    """What two ranks left behind that measured, lacked memory, and failed, in this order."""

    records: list[Path]
    printed: list[str]
    stderr: str
    returncode: int


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> TwoRanks:
    """One start for three tests: importing PyTorch takes longer than what they measure."""
    engine_dir = write_shape(tmp_path_factory.mktemp("model") / "an engine")
    asked = [
        flags(engine_dir, duration="0.5", num_runs="2", warm_up="2"),
        flags(engine_dir, batch_size="2000;5;3;4;1", input_output_len="8,4"),
        flags(engine_dir, batch_size="1", input_output_len="8,4"),
    ]
    folders = [tmp_path_factory.mktemp("records") for _ in asked]
    words = [str(TOGETHER), *map(str, folders), *("\n".join(words) for words in asked)]
    # Ranks that abort leave their shared memory behind.
    scratch = str(tmp_path_factory.mktemp("scratch"))
    done = mpirun(2, *words, PYTHONPATH=str(ROOT), TMPDIR=scratch, OMPI_MCA_btl_sm_backing_directory=scratch)
    return TwoRanks(folders, done.stdout.split("\n-----\n"), done.stderr, done.returncode)


@needs_mpi
@pytest.mark.mpi
@pytest.mark.xdist_group("two_ranks")
def test_two_ranks(two_ranks: TwoRanks) -> None:
    """Every rank's records are complete, ranks agree on the number of iterations, the line is their mean."""
    out = two_ranks.printed[0]
    assert out.endswith("\n0"), two_ranks.stderr
    ranks = [read_records(two_ranks.records[0], rank) for rank in range(2)]
    for rank, found in enumerate(ranks):
        assert found[0]["kind"] == "hello"
        assert (found[0]["rank"], found[0]["world"], found[0]["device"]) == (rank, 2, "cpu")
        assert found[0]["label"]
        version = found[0]["versions"]["PyTorch"].partition("+")[0]  # a wheel of another index adds "+cu130"
        assert version == metadata.version("torch").partition("+")[0]
        assert found[-1]["kind"] == "bye"
        assert found[-1]["count"] == len(found) - 1
        assert [r["i"] for r in found if r.get("phase") == "warmup"] == [0, 1] * 4
    started = [r for r in ranks[0] if r["kind"] == "configuration"]
    order = [(r["index"], r["batch_size"], r["input_len"], r["output_len"]) for r in started]
    assert order == [(0, 1, 8, 4), (1, 3, 8, 4), (2, 1, 5, 1), (3, 3, 5, 1)]
    assert not [r for r in ranks[1] if r["kind"] == "configuration"]
    lines = printed(out)
    assert len(lines) == 4
    for config, values in enumerate(lines):
        latencies = timed(ranks[0], config)
        assert len(latencies) == len(timed(ranks[1], config)) >= 2
        ended = timed(ranks[0], config, "t")
        began = ended[0] - latencies[0] * 1e6
        assert ended[-1] - began > 0.49e9, "stopped before the duration was reached"
        assert float(values["latency(ms)"]) == round(sum(latencies) / len(latencies), 3)
        latencies.sort()
        for percent, key in ((0.95, "percentile95(ms)"), (0.99, "percentile99(ms)")):
            assert float(values[key]) == round(latencies[int(len(latencies) * percent)], 3)
        assert values["engine_dir"] == "an engine"
        assert values["world_size"] == "2"
    assert lines[1]["total_generated_tokens"] == "9.0"
    assert lines[2]["generation_tokens_per_second"] == "0.0"
    assert out.count("Warm up done. Start benchmarking.") == 4


@needs_mpi
@pytest.mark.mpi
@pytest.mark.xdist_group("two_ranks")
def test_a_rank_that_fails_ends_all(two_ranks: TwoRanks) -> None:
    assert two_ranks.returncode != 0
    assert "RuntimeError: a lost device" in two_ranks.stderr
    kinds = [r["kind"] for rank in range(2) for r in read_records(two_ranks.records[2], rank)]
    assert "hello" in kinds
    assert "bye" not in kinds


def test_alone_without_mpi(tmp_path: Path) -> None:
    """Neither the cwd nor what lies beside an installation of another interpreter misleads the program."""
    site = tmp_path / "site"
    shutil.copytree(ROOT / "runner" / "ranks", site / "runner" / "ranks")
    (site / "runner" / "__init__.py").touch()
    (site / "torch.py").write_text("raise SystemExit('a package of another interpreter')")
    (site / "mpi4py.py").write_text("raise SystemExit('MPI in a world of one')")
    (tmp_path / "runner").mkdir()
    (tmp_path / "runner" / "__init__.py").write_text("raise SystemExit('the runner of the cwd')")
    script = site / "runner" / "ranks" / "torch_benchmark.py"
    arguments = flags(write_shape(tmp_path / "model"), input_output_len="8,4")
    records = {"TRTBENCH_RECORDS": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    done = python(str(script), *arguments, "--per_step", cwd=tmp_path, **records)
    assert done.returncode == 0, done.stderr
    assert len(printed(done.stdout)) == 2
    found = read_records(tmp_path, 0)
    assert [len(timed(found, config)) for config in range(2)] == [3, 3]
    steps = [record["step_ms"] for record in found if record["kind"] == "step_times"]
    generations = [time for config in range(2) for time in timed(found, config, "generation_ms")]
    assert [sum(times) for times in steps] == pytest.approx(generations, abs=0.001)
    assert {len(times) for times in steps} == {3}
    assert found[-1] | {"t": 0} == {"kind": "bye", "t": 0, "rank": 0, "count": len(found) - 1 - len(steps)}


def test_configuration_that_does_not_fit_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(generation: Generation, *, every_step: bool) -> Timing:
        if len(generation.tokens) == 3:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return timed_generation(generation, every_step=every_step)

    monkeypatch.setattr(measuring, "timed_generation", too_large)
    monkeypatch.setattr(program, "die_with_parent", lambda: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert program.main(flags(write_shape(tmp_path), batch_size="3;4;1", input_output_len="8,4")) == 0
    out = capsys.readouterr().out
    sentence = (
        "[TRT-LLM] [E] Exception CUDA out of memory. caught while allocating memory; skipping (3, 8, 4, 1.0)"
    )
    assert sentence in out.splitlines()
    assert "Exception not tried: (3, 8, 4, 1.0) needs no more and did not fit caught" in out
    assert [values["batch_size"] for values in printed(out)] == ["1"]


@needs_mpi
@pytest.mark.mpi
@pytest.mark.xdist_group("two_ranks")
def test_ranks_skip_together_what_one_lacks_memory_for(two_ranks: TwoRanks) -> None:
    """One counts too little, runs out of it in the rehearsal, and when graphs are captured after that.

    The graphs are stand-ins that run single operations on the CPU.
    """
    out = two_ranks.printed[1]
    assert out.endswith("\n0"), two_ranks.stderr
    assert [values["batch_size"] for values in printed(out)] == ["1"]
    counted, ran_out, later, larger = [line for line in out.splitlines() if "skipping" in line]
    assert "Exception it needs weights 0.0 + KV cache 0.0 + execution" in counted
    assert "0.2 of 1024.0 GiB are available caught while allocating memory" in counted
    for line, batch in ((ran_out, 5), (later, 3)):
        assert f"memory ran out on another rank caught while allocating memory; skipping ({batch}, 8" in line
    assert "Exception not tried: (3, 8, 4, 1.0) needs no more and did not fit caught" in larger
    for rank in range(2):
        assert [
            r["config"] for r in read_records(two_ranks.records[1], rank) if r["kind"] == "iteration"
        ] == [4] * 4


def test_unusable_shape_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "die_with_parent", lambda: None)
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    assert program.main(["--engine_dir", str(tmp_path)]) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"{tmp_path}/config.json is not the shape of a model: ")
    assert "vocab_size" in sentence


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": "1;x"}, "'x' is not a whole number above 0"),
        ({"batch_size": "0"}, "'0' is not a whole number above 0"),
        ({"input_output_len": "8"}, "'8' is not a list of pairs"),
        ({"num_runs": "0"}, "num_runs and duration are both 0"),
    ],
)
def test_arguments_that_mean_nothing(
    change: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        program.parse_arguments(flags(Path("model"), **change))
    assert message in capsys.readouterr().err


def test_shape_has_the_profiles_names_and_defaults(tmp_path: Path) -> None:
    profile = pytest.importorskip("runner.engines.model_shape")
    structs = pytest.importorskip("msgspec.structs")
    ours = {field.name: field.default for field in fields(DecoderShape)}
    for field in structs.fields(profile.TransformerShape):
        assert field.name in ours
        assert field.required or field.default == ours[field.name]
    assert len(ours) == len(structs.fields(profile.TransformerShape))
    written = write_shape(tmp_path, architectures=["Qwen2ForCausalLM"]) / "config.json"
    assert read_shape(written).vocab_size == json.loads(written.read_text())["vocab_size"]


def test_cores_are_shared_among_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for ranks in (1, 3, 16):
        device.use_own_cores(ranks)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    device.use_own_cores(1)
    assert asked == [8, 2, 1]


def test_no_gpu_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StartError, match=r"rank 0 needs GPU 0 of its host, but PyTorch .* sees 0 there"):
        device.pick_device("cuda", SingleRank())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_cpu_has_a_name() -> None:
    assert device.label_of(torch.device("cpu"))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt], ids=["failed", "interrupted"])
def test_a_rank_that_does_not_finish_ends_the_others(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A SIGINT to one rank left the others waiting for it, and it for them in MPI_Finalize, for ever."""
    ended: list[bool] = []

    def run(*_: object) -> None:
        raise error

    monkeypatch.setattr(program, "die_with_parent", lambda: None)
    monkeypatch.setattr(program, "connect", SingleRank)
    monkeypatch.setattr(program, "run", run)
    monkeypatch.setattr(SingleRank, "abort", lambda _: ended.append(True))
    assert program.main(["--engine_dir", str(tmp_path)]) == 1
    assert ended == [True]
