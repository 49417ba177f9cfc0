"""How the intervals of a pair were computed, as a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from runner.compare.run_difference import RunDifference


def describe_method(runs: tuple[int, int], found: Sequence[RunDifference]) -> str:
    """Return how the changes of the main metric of each configuration were computed.

    Args:
        runs: number of runs of both sides.
        found: the changes; not empty.
    """
    a, b = runs
    used = max(
        (one.used for one in found if one.used is not None), key=lambda one: one.deviation, default=None
    )
    assumed = any(one.assumed for one in found)
    size = f"{100 * used.deviation:.2g} %" if used is not None else ""
    if found[0].design == "line":
        return (
            f"{a} and {b} runs of the same sessions, each counted once: Student's t of the difference, fitted"
            " together with a straight line over the order of measuring, so that slow drift cancels"
        )
    counted = "one run each" if a == b == 1 else f"{a} and {b} runs, each counted once"
    if assumed:
        iterations = "; the scatter of the iterations is added" if min(a, b) == 1 else ""
        apart = (
            f" of different sessions: these are assumed to vary by {size} until four earlier ones are known"
        )
        near = f": the variation between runs is not known and assumed to be {size}"
        where = apart if found[0].design == "sessions" else near
        return f"{counted}{where}{iterations}; interleave them with `ab` to find smaller changes"
    earlier = f", {size} in {used.runs} earlier runs" if used is not None and used.runs else ""
    if found[0].design == "sessions":
        return (
            f"{counted}, measured in different sessions: Student's t with the variation from session to"
            f" session{earlier}; interleave them with `ab` to find smaller changes"
        )
    return (
        f"{counted}, of the same session: Student's t of their geometric means with the variation of"
        f" runs{earlier}"
    )
