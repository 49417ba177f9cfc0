"""The HTML report and the plots: complete, safe, small, and valid in a real browser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from runner.cli.main import main
from runner.history.reports import load_report
from runner.metrics import BY_NAME
from runner.plan.plan import Configuration
from runner.report.files import read_state
from tests.runner.export.browser import look_at
from tests.support import recorded_runs, recorder
from tests.support.paths import DATA
from tests.support.recorder import Recorder

RECORDED = DATA / "h200-torch-1gpu"
SVG = "{http://www.w3.org/2000/svg}"


class Text(HTMLParser):
    """The text of a page, its elements and its links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            f"{name}={value}" for name, value in attrs if name in ("src", "href", "srcset", "action")
        ]
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self._inside:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page_of(run_dir: Path, out: Path) -> str:
    assert main(["export", str(run_dir), "-o", str(out)]) == 0
    return out.read_text(encoding="utf-8")


def svg_of(run_dir: Path, plot: str, out: Path) -> ET.Element:
    assert main(["export", str(run_dir), "--svg", plot, "-o", str(out)]) == 0
    return ET.parse(out).getroot()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(RECORDED, tmp_path_factory.mktemp("html") / "run.html")


def test_page_contains_every_number_and_definition(recorded: str) -> None:
    text = Text(recorded).text
    for row in (row for found in load_report(RECORDED).configurations for row in found.rows):
        metric = BY_NAME[row.metric]
        if row.value is not None:
            assert f"{row.value:,.{metric.digits}f}".replace(",", " ") in text
            assert metric.formula in text
            assert metric.source in text
    assert text.index("p95 and p99 say little") < text.index("latency, mean")
    for fact in ("NVIDIA H200", "GPU-", "torch-1gpu", "repro.sh", "set -eu", "power cap"):
        assert fact in text


def test_page_has_no_scripts_and_no_links(recorded: str) -> None:
    page = Text(recorded)
    assert page.links == []
    assert not {"script", "link", "img", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not re.search(r"url\(|@import", recorded)
    assert "default-src 'none'" in recorded


def test_page_has_a_light_and_a_dark_style(recorded: str) -> None:
    assert recorded.count("prefers-color-scheme:dark") == 2


@pytest.mark.parametrize(
    "make",
    [
        recorded_runs.finished,
        recorded_runs.failed,
        recorded_runs.stopped,
        recorded_runs.lost,
        recorded_runs.queued,
        recorded_runs.long_names,
        recorded_runs.chinese,
    ],
)
def test_every_kind_of_run_has_a_page(make: Callable[[], Recorder], tmp_path: Path) -> None:
    run = make()
    text = Text(page_of(run.write(tmp_path), tmp_path / "run.html")).text
    assert run.profile in text
    assert run.summary in text


def test_markup_in_names_and_answers_is_escaped(tmp_path: Path) -> None:
    evil = '<script>alert("1")</script><img src=x onerror=alert(2)>'
    run = recorded_runs.failed()
    run.profile, run.summary, run.configurations = f"p{evil}", evil, [Configuration(4, 64, 24)]
    run.add(ev.Answer(t=0, stage=0, prompt=evil, answer=evil))
    run.events = [
        msgspec.structs.replace(event, cause=evil, remedy=evil) if isinstance(event, ev.Failure) else event
        for event in run.events
    ]
    page = page_of(run.write(tmp_path), tmp_path / "run.html")
    assert not {"script", "img"} & set(Text(page).tags)
    assert Text(page).text.count('alert("1")') >= 5


def test_page_of_a_long_run_is_small_and_keeps_a_spike(tmp_path: Path) -> None:
    run = recorded_runs.finished(1, iterations=20_000)
    spike = next(
        i for i, event in enumerate(run.events) if isinstance(event, ev.Iteration) and event.i == 12_345
    )
    run.events[spike] = msgspec.structs.replace(run.events[spike], latency_ms=9_999.5)
    run_dir = run.write(tmp_path)
    page = page_of(run_dir, tmp_path / "run.html")
    assert len(page) < 300_000
    assert "9 999.500 ms" in page
    latency = svg_of(run_dir, "latency", tmp_path / "latency.svg")
    heights = [
        float(point.split(",")[1])
        for line in latency.iter(f"{SVG}polyline")
        for point in line.attrib["points"].split()
    ]
    assert sorted(heights)[1] - min(heights) > 30, "one point stands out"


def test_outliers_have_a_letter_and_a_cause(tmp_path: Path) -> None:
    run = recorder.Recorder(ranks=1)
    run.begin()
    run.begin_stage()
    run.hello()
    run.begin_configuration()
    run.iterate(40, spike=17)
    run_dir = run.write(tmp_path)
    text = Text(page_of(run_dir, tmp_path / "run.html")).text
    assert "1 slow iteration " in text
    assert "unknown: neither the GPUs nor the host were read around it" in text
    chart = svg_of(run_dir, "latency", tmp_path / "latency.svg")
    (letter,) = [text for text in chart.iter(f"{SVG}text") if text.get("class") == "cause"]
    assert "".join(letter.itertext()).endswith("?")
    assert (letter.findtext(f"{SVG}title") or "").startswith("iteration 18: 7 ")


def test_page_of_many_configurations_is_small(tmp_path: Path) -> None:
    run = Recorder([Configuration(batch, 64, 24) for batch in range(1, 61)])
    run.begin()
    run.begin_stage()
    run.hello()
    for index in range(60):
        run.begin_configuration(index)
        run.iterate(200, "timed", index, 100.0 * (index + 1))
    page = page_of(run.write(tmp_path), tmp_path / "run.html")
    assert len(page) < 1_500_000
    text = Text(page).text
    assert "All 60 configurations" in text
    assert "batch 60 64→24, the best of 60 configurations" not in text, "its latency is 60 times higher"
    figure = ET.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    kinds = [one.attrib.get("class") for one in figure]
    assert (kinds.count("gain"), kinds.count("other")) == (1, 59), "the first one beats all others"
    columns = [len(re.findall("<th[ >]", head)) for head in re.findall(r"<thead>.*?</thead>", page, re.S)]
    assert max(columns) <= 8, "a wider table is cut off on paper"


def test_page_starts_with_headlines_and_software(tmp_path: Path) -> None:
    run = Recorder([Configuration(4, 64, 24)])
    run.begin()
    run.begin_stage()
    run.hello(versions={"PyTorch": "2.6.0+cu126", "NCCL": "2.21.5"})
    run.begin_configuration(0)
    run.iterate(200, "timed", 0, 100.0)
    page = page_of(run.write(tmp_path), tmp_path / "run.html")
    text = Text(page).text
    places = [text.index(words) for words in ("tokens per second", "Software", "Result", "Over time")]
    assert places == sorted(places)
    assert "PyTorch 2.6.0+cu126 NCCL 2.21.5 TensorRT-LLM not reported by the run" in text


def test_only_numbers_in_doubt_have_footnotes(recorded: str) -> None:
    listed = recorded.partition('<ol class="notes">')[2].partition("</ol>")[0]
    assert 0 < listed.count("<li>") <= 3
    assert "by the energy counter" in recorded
    assert "by the energy counter" not in listed
    assert "without a number" in recorded


# --- plots -------------------------------------------------------------------------------------------------


def test_charts_share_one_time_axis(tmp_path: Path) -> None:
    latency = svg_of(RECORDED, "latency", tmp_path / "latency.svg")
    gpu = svg_of(RECORDED, "gpu", tmp_path / "gpu.svg")

    def times(chart: ET.Element) -> list[tuple[str | None, str]]:
        middles = [text for text in chart.iter(f"{SVG}text") if text.get("text-anchor") == "middle"]
        return [(text.text, text.attrib["x"]) for text in middles]

    (first,) = latency.findall(f"{SVG}svg")
    charts = gpu.findall(f"{SVG}svg")
    assert len(charts) == 6
    assert all(times(chart) == times(first) for chart in charts)
    assert times(first)


def test_throttling_is_drawn_with_its_reason(tmp_path: Path) -> None:
    chart = svg_of(RECORDED, "gpu", tmp_path / "gpu.svg").findall(f"{SVG}svg")[-1]
    titles = [title.text or "" for title in chart.iter(f"{SVG}title")]
    assert titles
    assert all(title.startswith("GPU 0: power cap, 0:") for title in titles)


def test_a_histogram_counts_every_iteration(tmp_path: Path) -> None:
    root = svg_of(RECORDED, "histogram", tmp_path / "histogram.svg")
    for chart, found in zip(root.findall(f"{SVG}svg"), read_state(RECORDED).configurations, strict=True):
        counts = [re.search(r": (\d+) of (\d+)$", title.text or "") for title in chart.iter(f"{SVG}title")]
        bars = [(int(match[1]), int(match[2])) for match in counts if match]
        assert sum(count for count, _ in bars) == found.latency.n
        assert {n for _, n in bars} == {found.latency.n}


@pytest.mark.parametrize("plot", ["latency", "gpu", "histogram"])
def test_plot_without_data_is_refused(plot: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = recorded_runs.queued().write(tmp_path)
    assert main(["export", str(run_dir), "--svg", plot, "-o", str(tmp_path / "x.svg")]) == 2
    assert "to draw" in capsys.readouterr().err
    assert not (tmp_path / "x.svg").exists()


# --- a real browser ----------------------------------------------------------------------------------------


def test_browser_reports_no_problem(tmp_path: Path) -> None:
    page = page_of(RECORDED, tmp_path / "run.html")
    seen = look_at(tmp_path / "run.html")
    assert seen.console == []
    assert seen.dom.count("<svg") == page.count("<svg") > 5
    assert "latency, mean" in seen.dom


def test_browser_reports_a_page_that_loads_something(tmp_path: Path) -> None:
    page = page_of(RECORDED, tmp_path / "run.html")
    (tmp_path / "bad.html").write_text(
        page.replace("<footer>", '<img src="http://127.0.0.1:9/x.png"><footer>')
    )
    seen = look_at(tmp_path / "bad.html")
    assert any("Content Security Policy" in line for line in seen.console)
