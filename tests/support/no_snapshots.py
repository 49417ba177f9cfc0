"""A plugin of pytest that leaves out the snapshot tests: `pytest -p tests.support.no_snapshots`.

The look of a screen depends on the versions of the packages that draw it, so snapshots are comparable only
with the versions that they were made with.
"""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect each test that uses the fixture of pytest-textual-snapshot."""
    left_out = [item for item in items if "snap_compare" in getattr(item, "fixturenames", ())]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
