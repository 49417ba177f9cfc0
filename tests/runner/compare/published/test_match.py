"""Published numbers of a run: only the same work matches, and what differs is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from runner.compare.published.match import add_published_numbers, with_published
from runner.compare.published.rows import gpu_family, published_rows, select_rows
from runner.metrics import BY_NAME
from runner.plan.workload import Workload, same_shape_name
from runner.report import result_table
from runner.report.model import ConfigurationReport, MetricCell, Report
from tests.support import recorded_runs

H100 = "NVIDIA H100 80GB HBM3"
WORKLOAD = Workload(model="Llama-3.1-8B-Instruct", precision="fp8", backend="engine")


def served(gpu: str = H100, *, concurrency: int = 0, requests: int = 3000, output_len: int = 128) -> Report:
    """A run of trtllm-bench that reached 24,000 output tokens/s."""
    cell = MetricCell(metric="output_tokens_per_sec", unit="tokens/s", n=1, value=24000.0)
    shape = ConfigurationReport(
        batch_size=0,
        input_len=128,
        output_len=output_len,
        rows=[cell],
        flags=[],
        requests=requests,
        concurrency=concurrency,
    )
    return Report(
        schema=1,
        run="r",
        profile="p",
        engine="trtllm-bench",
        summary="",
        status="finished",
        started=0,
        seconds=1,
        host="h",
        ranks=1,
        stages=[],
        configurations=[shape],
        flags=[],
        gpus=[gpu],
    )


def matched(report: Report, workload: Workload = WORKLOAD, version: str = "0.16.0") -> list[str]:
    return result_table.list_published(
        add_published_numbers(report, workload, lambda: {"TensorRT-LLM": version} if version else {})
    )


def test_the_versions_on_both_sides_are_shown_with_what_differs() -> None:
    before, after = matched(served("NVIDIA H100 PCIe", concurrency=64))
    assert "86% of 27 792" in before
    assert "trtllm-bench 0.15 on NVIDIA H100 80GB HBM3" in before
    assert "83% of 28" in after
    differences = after.partition("different here: ")[2].split("; ")
    assert differences == [
        "NVIDIA H100 PCIe instead of NVIDIA H100 80GB HBM3",
        "at most 64 requests in flight instead of no limit",
        "3 000 requests instead of 30 000",
        "share of memory for the KV cache left at its default instead of 0.95",
        "TensorRT-LLM 0.16.0 instead of 0.17",
        "Llama-3.1-8B-Instruct instead of Llama-3.1-8B, which has the same shape",
    ]


def test_the_same_version_stands_alone() -> None:
    (only,) = matched(served(), version="0.17.0.post1")
    assert "0.17 on" in only
    assert "TensorRT-LLM 0.17.0.post1 instead" not in only


@pytest.mark.parametrize(
    "other",
    [
        {"precision": "16-bit"},
        {"precision": ""},
        {"tp": 2},
        {"pp": 2},
        {"model": "Llama-2-7b-hf"},
    ],
    ids=str,
)
def test_other_work_has_no_published_number(other: dict[str, object]) -> None:
    found = matched(served(), replace(WORKLOAD, **other))
    assert all("0.15" in sentence for sentence in found if other == {"precision": "16-bit"})
    assert not found or other == {"precision": "16-bit"}


def test_no_number_is_made_for_other_lengths_or_gpus() -> None:
    assert matched(served(output_len=129)) == []
    assert matched(served("NVIDIA L4")) == []
    assert matched(replace(served(), gpus=[H100, "NVIDIA H200"])) == []
    assert matched(replace(served(), engine="trtllm")) == []


def test_a_backend_is_held_against_its_own_numbers() -> None:
    (only,) = matched(served(), replace(WORKLOAD, backend="pytorch"), version="1.0.0")
    assert "trtllm-bench, PyTorch backend 1.0" in only
    assert "28 312" in only


def test_a_share_of_the_bandwidth_holds_for_every_engine() -> None:
    cell = MetricCell(metric="decode_ceiling_percent", unit="%", n=10, value=34.6)
    shape = ConfigurationReport(batch_size=1, input_len=1024, output_len=8, rows=[cell], flags=[])
    report = replace(served(), engine="torch", gpus=["NVIDIA A100-SXM4-80GB"], configurations=[shape])
    (only,) = matched(report, Workload(model="Llama-3.1-8B", precision="16-bit"), version="")
    assert "50% of 69.2" in only
    assert "gpt-fast" in only
    assert "no difference is known" in only


def test_a_run_without_a_known_model_is_left_as_it_is(tmp_path: Path) -> None:
    run = recorded_runs.finished()
    run_dir = run.write(tmp_path)
    report = served()
    assert with_published(report, run_dir) is report


def test_every_row_has_source_metric_and_a_gpu_of_known_family() -> None:
    rows = published_rows()
    assert len(rows) > 400
    for row in rows:
        assert row.source
        assert row.date
        assert row.model
        assert row.metric in BY_NAME
        assert row.value > 0
        assert gpu_family(row.gpu) != row.gpu
        assert bool(row.batch_size) != row.program.startswith("trtllm-bench")
    assert len({(row.where, row.model, row.tp, row.precision, row.gpu, row.batch_size, row.input_len,
                 row.output_len, row.metric) for row in rows}) == len(rows)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("meta-llama/Meta-Llama-3-8B-Instruct", "llama-3-8b"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"),
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b"),
        ("/models/Llama-2-7b-hf/", "llama-2-7b"),
    ],
)
def test_names_of_one_shape(name: str, same: str) -> None:
    assert same_shape_name(name) == same
    assert gpu_family("NVIDIA H100 NVL") == gpu_family(H100) == "H100"


def test_rows_are_chosen_by_parts_of_names() -> None:
    assert {row.gpu for row in select_rows("mixtral", "h200")} == {"NVIDIA H200"}
    assert select_rows("no-such-model") == ()
