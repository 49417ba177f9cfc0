"""What every command that starts a run or a sweep does first: check the machine, and name who uses it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from runner.util.errors import UserError

if TYPE_CHECKING:
    from runner.schema.base import Profile


def check_preflight(profile: Profile, where: str = "") -> None:
    """Run the preflight checks: better an error now than a failure after an hour of building.

    Args:
        profile: what is to run.
        where: the cell of the sweep that it belongs to, for the error; empty: it is the only one.

    Raises:
        UserError: a check fails.
    """
    from runner import preflight

    checks = [*preflight.check(profile), *preflight.check_all_nodes(profile)]
    failing = [check for check in checks if check.verdict == "fail"]
    if failing:
        raise UserError(
            f"{where + ': ' if where else ''}the run would fail:\n{preflight.render(failing)}".rstrip(),
            hint="use --force to start it; `trtbench-tui doctor` shows all checks",
        )


def name_device_holders(profile: Profile) -> None:
    """Say on stderr who uses the devices of a profile now: its runs wait for them."""
    from runner import preflight

    for holder in preflight.devices_in_use(profile):
        print(f"{holder}; this run waits for it", file=sys.stderr)
