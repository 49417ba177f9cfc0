"""The command `compare`."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from runner.cli.main import main
from runner.compare import Comparison, as_text
from tests.support.compared_runs import PROFILE, compared, repeats, run, some
from tests.support.paths import DATA


class TestCommand:
    def test_the_text(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "112")
        first = repeats(100, "a")
        second = repeats(102, "b", profile=PROFILE.replace("float16", "bfloat16"), seed=50)
        assert main(["compare", first, second]) == 0
        text = capsys.readouterr().out
        assert "  model.dtype  float16  bfloat16" in text
        assert "A → B: comparable, as far as known" in text
        (line,) = [line for line in text.splitlines() if line.startswith("latency, mean, ms")]
        assert line.endswith("SLOWER")
        assert max(len(line) for line in text.splitlines()) <= 112

    @pytest.mark.parametrize("width", [80, 100, 120])
    def test_the_text_keeps_to_the_width(self, width: int) -> None:
        run({1: some(), 4: some(seed=3)}, name="aaaa")
        run({1: some(seed=2), 4: some(seed=4)}, name="bbbb", host="bench02", second=1)
        text = as_text(compared("aaaa", "bbbb"), width)
        assert max(len(line) for line in text.splitlines()) <= width
        assert ("generation tokens per second, tokens/s" in text) == (width == 120)

    def test_the_json_has_a_version_and_comes_back(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        run({1: some()}, name="aaaa")
        run({1: some(seed=2)}, name="bbbb", second=1)
        assert main(["compare", "aaaa", "bbbb", "--json"]) == 0
        (line,) = capfdbinary.readouterr().out.splitlines()
        assert (json.loads(line)["kind"], json.loads(line)["schema"]) == ("comparison", 1)
        assert msgspec.json.decode(line, type=Comparison) == compared("aaaa", "bbbb")

    def test_exit_codes(self, capsys: pytest.CaptureFixture[str]) -> None:
        first, second = repeats(100, "a"), repeats(102, "b", seed=50)
        assert main(["compare", first, second, "--fail-on", "slower"]) == 5
        assert "slower" in capsys.readouterr().err
        assert main(["compare", second, first, "--fail-on", "slower"]) == 0
        assert main(["compare", first, second]) == 0
        assert main(["compare", "a000", "b040", "--fail-on", "slower"]) == 0
        assert main(["compare", first, second, "--fail-on", "slower", "--threshold", "5"]) == 0
        assert main(["compare", first, second, "--fail-on", "slower", "--metric", "latency_ms.max"]) == 0
        run({8: some()}, name="cccc", second=30)
        capsys.readouterr()
        assert main(["compare", "a000", "cccc", "--fail-on", "inconclusive"]) == 6
        said = capsys.readouterr()
        assert "A and B have no configuration in common" in said.err
        run({1: some()}, name="dddd", second=31, host="bench02")
        assert main(["compare", "a000", "dddd", "--fail-on", "slower"]) == 7
        assert "not the same machine: bench01 and bench02" in capsys.readouterr().err
        assert "assumed" not in said.out  # the method is stated where there are numbers
        assert main(["compare", "a000", "cccc", "--metric", "latncy_ms"]) == 2
        assert "there is no metric 'latncy_ms' (did you mean latency_ms?)" in capsys.readouterr().err

    def test_an_imported_result_says_why_it_is_not_judged(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        data = DATA / "workflow-result.txt"
        assert main(["import", "--again", str(data)]) == 0
        assert main(["import", "--again", str(data)]) == 0
        names = [path.name for path in sorted((tmp_path / "home/state/runs").iterdir())]
        capsys.readouterr()
        assert main(["compare", *names[:2], "--fail-on", "inconclusive"]) == 6
        assert "NOT JUDGED" in capsys.readouterr().out


def test_a_terminal_gets_the_screen_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run({1: some()}, name="aaaa")
    run({1: some(seed=2)}, name="bbbb", second=1)
    drawn: list[object] = []
    monkeypatch.setattr("runner.cli.dashboard.has_terminal", lambda: True)

    def draw(place: object) -> int:
        drawn.append(place)
        return 0

    monkeypatch.setattr("runner.cli.dashboard.draw", draw)
    monkeypatch.setattr("runner.cli.dashboard.prepare_drawing", lambda arguments: None)
    for asked in (["--json"], ["--headless"], ["--fail-on", "slower"], ["--threshold", "2"],
                  ["--metric", "latency_ms"]):  # fmt: skip
        main(["compare", "aaaa", "bbbb", *asked])
    assert drawn == []
    assert main(["compare", "aaaa", "nope"]) == 2
    assert main(["compare", "aaaa", "bbbb"]) == 0
    assert [getattr(place, "names", None) for place in drawn] == [("aaaa", "bbbb")]
