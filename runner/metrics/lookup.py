"""Find metrics by the names that users type: table names, `latency_ms.p50` for parts, and short names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from runner.metrics.memory import GPU_MEMORY
from runner.metrics.metric import Metric
from runner.metrics.registry import BY_NAME
from runner.util.errors import UserError

_PART = re.compile(r"(?P<of>.+)_(?P<part>p50|p90|p95|p99|min|max|sd|cv)_(?P<unit>ms|percent)")


def _aliases() -> Iterator[tuple[str, Metric]]:
    """Yield `latency_ms.p95` for latency_p95_ms, the same for other families, and short names."""
    for name, metric in BY_NAME.items():
        found = _PART.fullmatch(name)
        whole = f"{found['of']}_ms" if found else name
        if found and whole in BY_NAME:
            yield f"{whole}.{found['part']}", metric
            yield f"{whole}.mean", BY_NAME[whole]
    yield "gpu_memory_gib", GPU_MEMORY


ALIASES = dict(_aliases())


def find_metric(name: str) -> Metric:
    """Return the metric of a name or alias.

    Raises:
        UserError: there is none; the message suggests a similar name.
    """
    found = BY_NAME.get(name) or ALIASES.get(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, [*BY_NAME, *ALIASES], n=1, cutoff=0.5)
    guess = f" (did you mean {near[0]}?)" if near else ""
    raise UserError(
        f"there is no metric {name!r}{guess}", hint="`trtbench-tui help metrics` lists all of them"
    )
