"""A run in a local MLflow store, read back with the client of MLflow."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.cli.main import main
from runner.history.reports import load_report
from tests.support.paths import DATA

RECORDED = DATA / "h200-torch-1gpu"


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """MLflow with a store in the directory of the test, and without telemetry."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "false")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")  # so that the value set by the export is removed afterwards
    monkeypatch.chdir(tmp_path)
    return pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")


def test_run_and_configurations_are_logged(
    mlflow: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"file://{tmp_path}/store"
    assert main(["export", str(RECORDED), "--mlflow", store]) == 0
    client = mlflow.MlflowClient(tracking_uri=store)
    parent = client.get_run(capsys.readouterr().out.strip())
    found = load_report(RECORDED)
    assert parent.data.tags["trtbench.run"] == found.run
    assert (parent.info.status, parent.info.start_time) == ("FINISHED", round(found.started * 1000))
    experiment = client.get_experiment_by_name("torch-1gpu")
    children = client.search_runs(
        [experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    )
    by_batch = {child.data.params["batch_size"]: child.data.metrics for child in children}
    for configuration in found.configurations:
        measured = {row.metric: row.value for row in configuration.rows if row.value is not None}
        assert by_batch[str(configuration.batch_size)] == measured
    names = {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}
    assert names == {"report.html", "run.json"}
    path = client.download_artifacts(parent.info.run_id, "run.json", str(tmp_path))
    assert json.loads(Path(path).read_text())["report"]["run"] == found.run

    assert main(["export", str(RECORDED), "--mlflow", store]) == 2
    assert f"is already in MLflow, as run {parent.info.run_id}" in capsys.readouterr().err


def test_unusable_directory_is_one_sentence(mlflow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(RECORDED), "--mlflow", "file:///proc/none/store"]) == 2
    assert "MLflow at file:///proc/none/store failed: " in capsys.readouterr().err


def test_unreachable_server_is_one_sentence(
    mlflow: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert main(["export", str(RECORDED), "--mlflow", "http://127.0.0.1:9"]) == 2
    assert "MLflow at http://127.0.0.1:9 failed: " in capsys.readouterr().err


def test_missing_mlflow_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert main(["export", str(RECORDED), "--mlflow"]) == 2
    assert "pip install '.[mlflow]'" in capsys.readouterr().err
