"""Reports, exports and comparisons state the nodes of a run."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from runner import api, metrics
from runner.compare import load_sides
from runner.compare.differences import differences, notes
from runner.export import html, json_document, table_csv
from runner.export.charts import window_of
from runner.export.gpu_charts import gpus
from runner.export.run_data import RunData
from runner.export.table_markdown import as_markdown
from runner.metrics.node_flags import node_flags
from runner.report.build import build_report
from runner.report.text_table import place_suffix, render
from tests.support.gpu_logs import gpu_numbers
from tests.support.node_logs import NodeRun


def exported(run: NodeRun, root: Path, name: str = "20260101T000000Z_p_0002") -> RunData:
    return RunData(run.write(root / name))


def test_every_form_of_the_report_states_nodes_and_network(tmp_path: Path) -> None:
    data = exported(NodeRun(nodes=3, gpus=2, slow_node=1), tmp_path)
    place = "on 3 nodes (node1 to node3)"
    assert place in render(data.report)
    assert place in as_markdown(data.report)
    page, table = io.BytesIO(), io.BytesIO()
    html.write(data, page)
    table_csv.write(data, table)
    text = page.getvalue().decode()
    assert place in text
    assert "joined, 64 cores, ranks 2-3, 2 GPUs, driver 580.159.04, clock +1.250 ± 0.040 ms" in text
    assert "ib0 10.0.0.2 (400 Gbit/s)" in text
    assert "GPU 1 of node3" in text
    assert table.getvalue().decode().splitlines()[1].endswith("node1 node2 node3")
    node = json_document.build_document(data).environment.nodes[1]
    assert (node.name, node.ranks, node.clock_error_ns) == ("node2", [2, 3], 40_000)
    assert any("node node2 is 4.2 % slower than the fastest node" in flag for flag in data.report.flags)


def test_charts_have_a_curve_a_node(tmp_path: Path) -> None:
    data = exported(NodeRun(nodes=3, gpus=2), tmp_path)
    memory = gpus(data, window_of(data))[0].svg
    assert "memory in use, GiB of 6 GPUs of 3 nodes over time" in memory
    assert "node3: " in memory


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (NodeRun(silent=1, lost=True), "node node2 was lost"),
        (NodeRun(absent=1), "node node2 never reported"),
    ],
    ids=["lost", "absent"],
)
def test_nodes_that_did_not_report_are_flags(run: NodeRun, text: str) -> None:
    assert [flag for flag in node_flags(run.state()) if flag.startswith(text)]


def test_another_number_of_nodes_is_a_stated_difference(tmp_path: Path) -> None:
    names = []
    for nodes in (2, 3):
        run = NodeRun(nodes=nodes, gpus=2)
        names.append(str(run.write(tmp_path / f"20260101T00000{nodes}Z_p_000{nodes}")))
    sides = load_sides(names)
    assert "by design: 3 nodes instead of 2" in notes(sides[0], sides[1], differences(sides))
    found = {one.name: (one.kind, one.values) for one in differences(sides)}
    assert found["nodes"] == ("design", ("2", "3"))
    assert found["machine"] == ("design", ("node1, node2", "node1, node2, node3"))
    assert found["GPUs"] == ("design", ("4", "6"))
    assert "network interfaces" not in found


def test_readings_of_all_nodes_are_rows_of_the_api(tmp_path: Path) -> None:
    run = exported(NodeRun(nodes=2, gpus=1, iterations=1), tmp_path)
    rows = list(api.Run(run)._readings())
    assert {(row[2], row[-1]) for row in rows} == {("GPU-1-0", ""), ("GPU-2-0", "node2")}


@pytest.mark.parametrize(
    ("nodes", "place"), [(2, " on node1 and node2"), (8, " on 8 nodes (node1 to node8)")]
)
def test_nodes_of_a_result_are_named(nodes: int, place: str) -> None:
    run = NodeRun(nodes=nodes, gpus=1, iterations=1)
    assert place_suffix(build_report(run.plan(), run.state())) == place


def test_memory_of_many_gpus_is_a_range() -> None:
    state = NodeRun(nodes=8, gpus=8).state()
    table = gpu_numbers(state, 0, "not planned")
    assert table is not None
    _, _, note = table[metrics.GPU_MEMORY]
    assert note == (
        "sampled @ 1 Hz; from 118.0 (GPU 0 of node1) to 121.5 (GPU 7 of node8);"
        " before the run at most 0.2 (GPU 0 of node1)"
    )
