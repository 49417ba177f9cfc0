"""Print the lowest versions that pyproject.toml allows, as constraints for pip.

`python -m tests.support.lowest > lowest.txt`, then `pip install -c lowest.txt -e '.[dev]'`.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator

from tests.support.paths import ROOT

WITHOUT = frozenset({"torch"})
"""Extras that are not installed, so that no constraint is needed for them."""
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?:>=|==)\s*(?P<version>[\w.]+)")


def lowest_versions() -> Iterator[str]:
    """Yield `name==version` for each requirement with a lower bound; a package without one is left to pip."""
    # tomllib came with Python 3.11; pytest brings tomli to 3.10.
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    project = toml.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    requirements = list(project["dependencies"])
    for extra in sorted(extras.keys() - WITHOUT):
        requirements += extras[extra]
    for requirement in sorted(set(requirements)):
        match = _REQUIREMENT.match(requirement)
        if match is not None:
            yield f"{match['name']}=={match['version']}"


if __name__ == "__main__":
    print("\n".join(lowest_versions()))
