"""Prometheus metrics of ended runs and of runs under way."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runner import events as ev
from runner.cli.main import main
from runner.export.prometheus import MetricsPublisher, as_text, file_publisher, series_labels
from runner.export.prometheus_server import serve_metrics
from runner.history.reports import load_report
from runner.plan.plan import Configuration
from runner.run import layout
from runner.state.run import RunState
from runner.util import paths
from tests.support import recorded_runs
from tests.support.paths import DATA
from tests.support.runs import single, start

RECORDED = DATA / "h200-torch-1gpu"


def samples(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_every_number_of_the_table_is_exported(tmp_path: Path) -> None:
    out = tmp_path / "run.prom"
    assert main(["export", str(RECORDED), "--prometheus", str(out)]) == 0
    read = samples(out.read_text())
    for configuration in load_report(RECORDED).configurations:
        for row in configuration.rows:
            values = {labels["batch_size"]: value for labels, value in read.get(f"trtbench_{row.metric}", [])}
            assert values.get(str(configuration.batch_size)) == row.value
    states = {labels["state"]: value for labels, value in read["trtbench_run_state"]}
    assert states.pop("finished") == 1
    assert set(states.values()) == {0}


@pytest.mark.parametrize(
    ("configuration", "name"),
    [
        (Configuration(4, 128, 64), "batch 4 128→64"),
        (Configuration(0, 128, 64, requests=100, concurrency=8), "concurrency 8 128→64"),
    ],
    ids=["batch", "requests in flight"],
)
def test_a_series_names_its_configuration(configuration: Configuration, name: str) -> None:
    assert series_labels(configuration)["configuration"] == name


def test_special_characters_are_escaped(tmp_path: Path) -> None:
    run = recorded_runs.finished(1)
    run.profile = 'a"b\\c\nd'
    out = tmp_path / "run.prom"
    assert main(["export", str(run.write(tmp_path)), "--prometheus", str(out)]) == 0
    assert samples(out.read_text())["trtbench_latency_ms"][0][0]["profile"] == run.profile


def test_an_unknown_metric_cannot_write_lines_of_its_own(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    run_dir = recorded_runs.finished(1).write(paths.runs_dir())
    report = run_dir / layout.REPORT
    report.write_bytes(report.read_bytes().replace(b'"tokens_per_sec"', rb'"x 1\nup{a=\"b\"} 0\n\u001b[2J"'))
    assert main(["export", run_dir.name, "--format", "prometheus"]) == 0
    text = capsysbinary.readouterr().out.decode()
    assert "\x1b" not in text
    assert {name.partition("_")[0] for name in samples(text)} == {"trtbench"}


def test_file_of_a_run_under_way_is_updated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = start(single("short"))
    out = tmp_path / "live.prom"
    assert main(["attach", str(run_dir), "--prometheus", str(out)]) == 0
    read = samples(out.read_text())
    assert read["trtbench_iterations"][0][1] > 0
    assert {labels["state"] for labels, value in read["trtbench_run_state"] if value} == {"finished"}
    assert "latency, mean" in capsys.readouterr().out


def test_file_is_updated_at_the_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = recorded_runs.under_way()
    plan, state = run.plan(), RunState()
    state.apply_all(run.events)
    follower = MetricsPublisher(file_publisher(tmp_path / "run.prom"))
    at = time.monotonic()
    written = []
    for seconds in (0.0, 4.9, 5.1):
        monkeypatch.setattr(time, "monotonic", lambda seconds=seconds: at + seconds)
        state.apply(ev.Notice(t=run.t, level="warning", text=f"at {seconds}"))
        follower.update(plan, state)
        written.append(samples((tmp_path / "run.prom").read_text())["trtbench_flags"][0][1])
    assert written[0] == written[1]
    assert written[2] == written[0] + 2
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["run.prom"]


def scraped(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """The printed URL and its content."""
    output = capsys.readouterr().err
    address = output.split("metrics are at ")[1].split()[0]
    with urlopen(address, timeout=10) as answer:
        return address, answer.read().decode()


def test_server_and_file_have_the_same_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    found = load_report(RECORDED)
    with serve_metrics(0) as publish:
        publish(found)
        address, text = scraped(capsys)
        with pytest.raises(HTTPError, match="421"):  # what a page of another site would send
            urlopen(Request(address, headers={"Host": "rebound.example"}), timeout=10)
    assert address.startswith("http://127.0.0.1:")
    assert samples(text) == samples(as_text(found))
    with pytest.raises(OSError, match="refused"):
        urlopen(address, timeout=10)


def test_metrics_are_served_while_a_run_is_followed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr("runner.cli.narration.print_report", lambda *_, **__: seen.append(scraped(capsys)[1]))
    assert main(["attach", str(RECORDED), "--prometheus", ":0"]) == 0
    assert (
        samples(seen[0])["trtbench_run_state"]
        == samples(as_text(load_report(RECORDED)))["trtbench_run_state"]
    )


def test_port_in_use_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with serve_metrics(0):
        port = capsys.readouterr().err.rpartition(":")[2].split("/")[0]
        assert main(["attach", str(RECORDED), "--prometheus", f":{port}"]) == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize("port", [":", ":x", ":65536", ":-1"])
def test_invalid_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["attach", str(RECORDED), "--prometheus", port])
    assert f"'{port}' is not a port; allowed: :0 (any free port) to :65535" in capsys.readouterr().err


def test_missing_package_names_the_package_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert main(["attach", str(RECORDED), "--prometheus", ":0"]) == 2
    assert "pip install '.[prometheus]'" in capsys.readouterr().err


def test_missing_directory_is_reported_before_a_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attach", str(RECORDED), "--prometheus", "/proc/none/run.prom"]) == 2
    assert "there is no directory /proc/none" in capsys.readouterr().err
