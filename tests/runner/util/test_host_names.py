"""Short lists of host names."""

from __future__ import annotations

import pytest

from runner.util.host_names import fold_hosts


@pytest.mark.parametrize(
    ("names", "short"),
    [
        pytest.param(["a", "login"], "a,login", id="without numbers"),
        pytest.param(["node1", "node2", "node3", "node7"], "node[1-3,7]", id="a range and one more"),
        pytest.param(["gpu08", "gpu09", "gpu10"], "gpu[08-10]", id="numbers of one width"),
        pytest.param(["n9", "n10", "m1"], "n[9-10],m1", id="two kinds"),
        pytest.param(["rack1-n1.lab", "rack1-n2.lab"], "rack1-n[1-2].lab", id="a domain"),
        pytest.param(["node1", "node1"], "node1", id="twice"),
    ],
)
def test_names_that_differ_in_a_number_are_one_entry(names: list[str], short: str) -> None:
    assert fold_hosts(names) == short
