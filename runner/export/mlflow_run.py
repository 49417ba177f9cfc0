"""Log a run to MLflow: a parent run with the reports, and a child run per configuration."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runner.export import html, json_document
from runner.export.run_data import RunData
from runner.plan.plan import configuration_of
from runner.report import result_table
from runner.report.model import ConfigurationReport
from runner.util.errors import UserError, install_extra
from runner.util.foreign_text import markdown_text

if TYPE_CHECKING:
    from mlflow import MlflowClient

TAG = "trtbench.run"
_PARENT, _NAME = "mlflow.parentRunId", "mlflow.runName"
_ENDED = {"finished": "FINISHED", "stopped": "KILLED"}


def log(run_dir: Path, uri: str | None) -> str:
    """Log a run to the experiment of its profile; return the id of the MLflow run.

    Args:
        run_dir: the run.
        uri: a tracking server or a directory; None: the configured server.

    Raises:
        UserError: MLflow is not installed, reports an error, or already has this run.
    """
    try:
        import mlflow
        from mlflow import MlflowClient
    except ImportError as error:
        raise UserError(
            f"logging to MLflow needs the package mlflow, which cannot be imported: {error}",
            hint=install_extra("mlflow"),
        ) from None
    if uri is not None and urlsplit(uri).scheme in ("", "file"):
        # MLflow requires this variable before it writes to a directory; the user named the directory.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    # The default retries for minutes without any output.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    data = RunData(run_dir)
    try:
        return _log(data, MlflowClient(tracking_uri=uri))
    except (mlflow.MlflowException, OSError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"MLflow at {uri or 'the configured server'} failed: {first.strip()}",
            hint="use a server or a directory: --mlflow http://HOST:PORT, --mlflow file:///PATH",
        ) from None


def _log(data: RunData, client: MlflowClient) -> str:
    report = data.report
    experiment = client.get_experiment_by_name(report.profile)
    folder = experiment.experiment_id if experiment else client.create_experiment(report.profile)
    existing = client.search_runs([folder], filter_string=f"tags.`{TAG}` = '{report.run}'", max_results=1)
    if existing:
        raise UserError(f"{report.run} is already in MLflow, as run {existing[0].info.run_id}")
    begin, end = round(report.started * 1000), round((report.started + report.seconds) * 1000)
    tags = {TAG: report.run, "trtbench.engine": report.engine, "trtbench.host": report.host}
    if report.nodes:
        tags["trtbench.nodes"] = ", ".join(report.nodes)[:4000]
    tags["trtbench.flags"] = "; ".join(result_table.list_flags(report))[:4000]
    tags["mlflow.note.content"] = markdown_text(report.summary)  # MLflow renders it
    parent: str = client.create_run(folder, start_time=begin, tags={**tags, _NAME: report.run}).info.run_id
    for configuration in report.configurations:
        name = {_NAME: result_table.configuration_name(configuration), _PARENT: parent}
        child = client.create_run(folder, start_time=begin, tags=name).info.run_id
        _log_configuration(client, child, configuration, end)
        client.set_terminated(child, end_time=end)
    _log_reports(client, parent, data)
    client.set_terminated(parent, _ENDED.get(report.status, "FAILED"), end)
    return parent


def _log_configuration(
    client: MlflowClient, run_id: str, configuration: ConfigurationReport, end: int
) -> None:
    from mlflow.entities import Metric, Param

    params = [
        Param(name, text)
        for name, text in result_table.configuration_labels(configuration_of(configuration)).items()
    ]
    numbers = [(row.metric, row.value) for row in configuration.rows if row.value is not None]
    client.log_batch(run_id, [Metric(name, value, end, 0) for name, value in numbers], params)


def _log_reports(client: MlflowClient, run_id: str, data: RunData) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("report.html", html.write), ("run.json", json_document.write)):
            path = Path(folder) / name
            with open(path, "wb") as out:
                write(data, out)
            client.log_artifact(run_id, str(path))
