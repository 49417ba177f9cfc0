"""The commands of the history."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.history import labels, trash
from runner.plan.plan import SweepMembership
from tests.support.histories import DAY, ended, figure


@pytest.fixture
def three_runs(in_london: None) -> None:
    ended("0003", "qwen", ago=60, figures=[figure(1100, 45)], gpus=["NVIDIA H200"], flags=["doubt"])
    ended("0002", "llama", "failed", ago=DAY, cause="out of memory")
    ended("0001", "qwen", ago=2 * DAY, figures=[figure(1000, 50)], gpus=["NVIDIA H200"])


@pytest.fixture
def in_london(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    __import__("time").tzset()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(arguments) == 0
    return capsys.readouterr().out.splitlines()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    return capsys.readouterr().err


@pytest.mark.usefixtures("three_runs")
class TestList:
    def test_columns(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(capsys, "ls") == [
            "      STATE     PROFILE  STARTED           TOOK  TOKENS/S   LATENCY  WARNINGS  CAUSE",
            "0003  finished  qwen     2026-01-01 13:59  1:02     1 100  45.00 ms         1",
            "0002  failed    llama    2025-12-31 14:00  1:02                                out of memory",
            "0001  finished  qwen     2025-12-30 14:00  1:02     1 000  50.00 ms",
        ]

    def test_filter_sort_and_limit(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = run(
            capsys, "ls", "--filter", "qwen", "--filter", "gpu:h200", "--sort", "latency", "--reverse"
        )
        assert [line[:4] for line in lines[1:]] == ["0001", "0003"]
        assert main(["ls", "--limit", "1"]) == 0
        captured = capsys.readouterr()
        assert len(captured.out.splitlines()) == 2
        assert captured.err == "2 more; --limit 3 lists all\n"
        assert run(capsys, "ls", "--filter", "nothing") == ["no run matches the filter"]

    def test_groups(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = run(capsys, "ls", "--group", "profile", "--filter=-status:failed")
        assert lines[0] == "qwen · 2 of 2 runs · batch 1 128→64: ▁▇ 1 100 tokens/s (+10.0 %)"
        assert [line[2:6] for line in lines[2:]] == ["0003", "0001"]

    def test_as_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        rows = [json.loads(line) for line in run(capsys, "ls", "--json", "--disk")]
        assert [row["run"][-4:] for row in rows] == ["0003", "0002", "0001"]
        assert rows[0]["figures"][0]["tokens_per_sec"] == 1100
        assert rows[0]["best"] == rows[0]["figures"][0]
        assert rows[0]["disk"] > 0
        assert (rows[0]["foreign"], rows[0]["gpus"]) == (False, ["NVIDIA H200"])

    def test_lines_are_cut_at_the_width_of_the_terminal(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ended("0004", "qwen", "failed", ago=30, cause="the program ended with exit code 3: " + "日本 " * 30)
        whole = run(capsys, "ls")
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", "93")
        lines = run(capsys, "ls")
        assert lines[1].endswith("the program e…")
        assert lines[1][:-1] == whole[1][:92]
        monkeypatch.setenv("COLUMNS", "124")
        assert run(capsys, "ls")[1].endswith("exit code 3: 日本 日…")  # a wide character is not cut in half
        assert lines[2:] == whole[2:]

    def test_invalid_run_directory_shows_the_reason(
        self, capsys: pytest.CaptureFixture[str], home: Path
    ) -> None:
        (home / "state/runs/20260101T000000Z_tiny_dddd").mkdir()
        (line,) = [line for line in run(capsys, "ls") if line.startswith("dddd")]
        assert line.endswith("  not a run directory: plan.json: No such file or directory")

    def test_disk_space_of_one_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(capsys, "ls", "--disk", "--filter", "llama")[-1].endswith("KiB in 1 run")

    def test_disk_space_with_trash(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["rm", "0001", "--yes"]) == 0
        capsys.readouterr()
        lines = run(capsys, "ls", "--disk")
        assert "DISK" in lines[0]
        assert lines[-1].endswith("in the trash (1)")
        assert "KiB in 2 runs; " in lines[-1]

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--filter", "colour:red"], "trtbench-tui: unknown key colour:"),
            (["--sort", "speed"], "trtbench-tui: runs cannot be sorted by 'speed'; allowed: when"),
        ],
    )
    def test_mistakes(self, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert refused(capsys, "ls", *arguments).startswith(sentence)

    def test_help_on_filters(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert any(line.strip().startswith("since: until:") for line in run(capsys, "ls", "--filter", "help"))


@pytest.mark.usefixtures("three_runs")
class TestTrend:
    def test_from_run_to_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = run(capsys, "trend", "qwen")
        assert lines[0] == "qwen · batch 1 128→64 · 2 finished runs"
        assert lines[1:3] == ["  tokens/s  ▁▇", "  latency   ▇▁"]
        assert lines[-1].split() == [
            "0003", "2026-01-01", "13:59", "1", "100", "+10.0", "%", "45.00", "ms", "-10.0", "%", "1",
            "NVIDIA", "H200",
        ]  # fmt: skip

    def test_as_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        (line,) = run(capsys, "trend", "qwen", "--json")
        assert [point["latency_ms"] for point in json.loads(line)["points"]] == [50, 45]

    def test_trend_across_gpus_prints_a_warning(self, capsys: pytest.CaptureFixture[str]) -> None:
        ended("0004", "qwen", ago=10, figures=[figure(2000, 20)], gpus=["NVIDIA A10"])
        lines = run(capsys, "trend", "qwen")
        assert (
            "  these runs differ in engine or GPU, not in code alone: torch, NVIDIA H200; torch, NVIDIA A10"
            in lines
        )

    def test_mistakes(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "llama has no trend: none of its runs finished with a number yet" in refused(
            capsys, "trend", "llama"
        )
        assert "did you mean 'qwen'?" in refused(capsys, "trend", "qwenn")


@pytest.mark.usefixtures("three_runs")
def test_a_sweep_is_one_row_unless_it_is_unfolded(capsys: pytest.CaptureFixture[str]) -> None:
    for cell, batch in enumerate(("8", "16")):
        place = SweepMembership(
            sweep="20260101T000000Z_qwen_5eee", cell=cell, values=(("build.max_batch_size", batch),)
        )
        rate = 1200 + 100 * cell
        ended(f"c{batch:0>3}", "qwen", ago=10 - cell, figures=[figure(rate, 40)], sweep=place)
    assert [line.split()[0] for line in run(capsys, "ls")[1:]] == ["5eee", "0003", "0002", "0001"]
    assert run(capsys, "ls", "--filter", "qwen", "-n1")[1].endswith(
        "2:04     1 300  40.00 ms  2 runs: max_batch_size 8, 16"
    )
    grouped = run(capsys, "ls", "--group", "profile")
    assert grouped[0] == "qwen · 4 of 4 runs · batch 1 128→64: ▁▃▇ 1 300 tokens/s (+18.2 %)"
    assert [line[2:6] for line in grouped[2:5]] == ["5eee", "0003", "0001"]
    single = run(capsys, "ls", "--unfold", "-n2")
    assert [line.split("  ")[0] for line in single[1:]] == ["c016", "c008"]
    assert single[1].endswith("max_batch_size 16")
    assert len(run(capsys, "ls", "-q")) == len(run(capsys, "ls", "--json")) == 5
    trend = run(capsys, "trend", "qwen")
    assert trend[0].endswith(" · 4 finished runs")
    assert trend[-1].endswith("best of 2 cells: max_batch_size 16")
    assert len(run(capsys, "trend", "qwen", "--unfold")) == len(trend) + 1
    points = json.loads(run(capsys, "trend", "qwen", "--json")[0])["points"]
    assert [point["sweep"] is not None for point in points] == [False, False, True, True]


@pytest.mark.usefixtures("three_runs")
class TestLabels:
    def test_tags(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(capsys, "tag", "0003", "+good", "draft")[0].endswith("_0003: draft good")
        assert run(capsys, "tag", "0003", "-draft", "+v1.2")[0].endswith("_0003: good v1.2")
        assert run(capsys, "tag", "0001")[0].endswith("_0001: no tags")
        assert run(capsys, "ls", "--filter", "tag:good")[1].endswith("good v1.2")
        assert "cannot be a tag" in refused(capsys, "tag", "0003", "+two words")

    def test_a_note(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(capsys, "note", "0003", "after the update")[0].endswith("_0003: after the update")
        assert run(capsys, "note", "0003")[0].endswith("after the update")
        assert run(capsys, "note", "0003", "")[0].endswith("_0003: no note")

    def test_a_name(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(capsys, "rename", "0003", "the good one")[0].endswith("_0003: “the good one”")
        assert "“the good one”" in run(capsys, "ls")[1]
        assert run(capsys, "tag", "the good one", "+x")[0].endswith("_0003: x")
        assert run(capsys, "rename", "0003", "")[0].endswith("_0003: no name")
        assert "at most 80 characters" in refused(capsys, "rename", "0003", "x" * 81)

    def test_unknown_run_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        for arguments in (
            ["tag", "nope", "+a"],
            ["note", "nope", "x"],
            ["rename", "nope", "x"],
            ["rm", "nope"],
        ):
            assert "there is no run 'nope'" in refused(capsys, *arguments)
        assert labels.Labels().by_run == {}

    def test_empty_name_never_matches_the_only_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["rm", "--yes", "0001", "0002"]) == 0
        assert "there is no run ''" in refused(capsys, "rm", "--yes", "")
        assert len(run(capsys, "ls")) == 2

    def test_reserved_name_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "'last' cannot be the name of a run" in refused(capsys, "rename", "0001", "last")

    @pytest.mark.parametrize("asked", [["tag", "--help"], ["tag", "-h"], ["help", "tag"]])
    def test_help_of_tag(self, asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(capsys, *asked)[0] == "usage: trtbench-tui tag [-h] RUN [+TAG|-TAG ...]"


@pytest.mark.usefixtures("three_runs")
class TestTrash:
    def test_delete_restore_and_empty(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(capsys, "trash", "ls") == ["the trash is empty"]
        assert run(capsys, "rm", "--yes", "0001", "0002", "0001")[0].startswith("in the trash: ")
        assert len(run(capsys, "ls")) == 2
        assert len(run(capsys, "trash", "ls")) == 3
        assert run(capsys, "trash", "restore", "0001")[0].endswith("_qwen_0001")
        assert run(capsys, "trash", "empty", "--yes") == ["1 permanently removed"]
        assert run(capsys, "trash", "empty") == ["the trash is empty"]
        assert len(run(capsys, "ls")) == 3

    def test_rm_asks_for_confirmation(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "there is no terminal to ask on\nconfirm with --yes" in refused(capsys, "rm", "0001")

        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        for answer, code in (("n\n", 2), ("\n", 2), ("", 2), ("Y\n", 0)):
            monkeypatch.setattr("sys.stdin", Terminal(answer))
            assert main(["rm", "0001"]) == code, answer
        assert [found.run[-4:] for found in trash.list_trash()] == ["0001"]
        assert "move 20251230T140000Z_qwen_0001 to the trash? [y/N]" in capsys.readouterr().err
