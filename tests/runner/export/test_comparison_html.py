"""The page of a comparison, and the files that `compare -o` writes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from runner.cli.main import main
from tests.runner.export.test_html import Text
from tests.support.compared_runs import PROFILE, run, some


def two_runs() -> None:
    run({1: some(100), 16: some(300, seed=3)}, name="aaaa")
    evil = PROFILE.replace("float16", "bfloat16")
    run({1: some(70, seed=7), 16: some(210, seed=8), 32: some(400)}, name="fa57", second=3, profile=evil)


def test_the_page_has_answer_charts_numbers_and_differences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_runs()
    out = tmp_path / "ab.html"
    assert main(["compare", "aaaa", "fa57", "-o", str(out)]) == 0
    answer = "B is faster than A in all 2 configurations (latency, mean -30.1 %)."
    assert capsys.readouterr().out == f"{answer}\n"
    written = out.read_text(encoding="utf-8")
    page = Text(written)
    assert page.links == []
    title = "latency, mean: change from A to B, 95 % intervals"
    parts = [answer, title, "batch 16 64→16", "tokens per second",
             "Only B measured batch 32 64→16.", "Differences", "model.dtype float16 bfloat16"]  # fmt: skip
    places = [page.text.index(part) for part in parts]
    assert places == sorted(places)
    chart = ET.fromstring(written[written.index("<svg") : written.index("</svg>") + 6])
    bars = [one for one in chart if one.tag.endswith("rect")]
    assert [one.attrib["class"] for one in bars] == ["gain", "gain"]
    assert "95 % interval -33.9 %" in (bars[0][0].text or "")


@pytest.mark.parametrize(("name", "start"), [("c.md", "**B is faster"), ("c.json", '{"kind":"comparison"')])
def test_other_formats_are_chosen_by_extension(name: str, start: str, tmp_path: Path) -> None:
    two_runs()
    assert main(["compare", "aaaa", "fa57", "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


def test_an_unknown_extension_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "aaaa", "fa57", "-o", str(tmp_path / "c.pdf")]) == 2
    assert "allowed: .html, .htm, .md, .json" in capsys.readouterr().err
