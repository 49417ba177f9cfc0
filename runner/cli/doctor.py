"""The commands `doctor` and `gpus`: the machine, without a run."""

from __future__ import annotations

import argparse
import sys

from runner.cli.options import SubCommands, add_gpu_rate
from runner.util.exit_codes import ExitCode


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="check this machine and the needs of a profile",
        description="Check this machine, what a profile needs, and all nodes of a profile that uses several;"
        " suggest a fix for each problem.",
    )
    doctor.add_argument("profile", metavar="PROFILE", nargs="?")
    doctor.set_defaults(command=_doctor, without_runs=True)

    gpus = commands.add_parser(
        "gpus",
        help="show current GPU readings",
        description="Show current GPU readings, without a run. Ctrl-C ends it.",
    )
    gpus.add_argument("--once", action="store_true", help="print one reading and exit")
    gpus.add_argument("--json", action="store_true", help="print one JSON object per reading")
    add_gpu_rate(gpus)
    gpus.set_defaults(command=_gpus, without_runs=True)


def _doctor(arguments: argparse.Namespace) -> int:
    from runner import preflight
    from runner.profile import store as profile_store

    profile = profile_store.find(arguments.profile).load() if arguments.profile else None
    checks = preflight.check(profile)
    if profile is not None:
        checks += preflight.check_all_nodes(profile)
    sys.stdout.write(preflight.render(checks))
    return ExitCode.RUN_FAILED if preflight.has_failures(checks) else ExitCode.OK


def _gpus(arguments: argparse.Namespace) -> int:
    from runner.cli.gpu_readings import show

    show(arguments.gpu_hz, once=arguments.once, as_json=arguments.json)
    return ExitCode.OK
