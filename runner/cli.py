"""The command `trtbench-tui`. Light to import: each command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import ExitCode, UserError
from runner.version import VERSION

if TYPE_CHECKING:
    from runner.feed import Feed
    from runner.profile import Profile
    from tui.app import Start

EPILOG = """\
Without a command the dashboard opens. Without a terminal nothing draws: `run` and `attach` narrate on stderr
and print the final table on stdout.

exit codes: 0 finished · 1 the run failed · 2 bad input · 3 the run was stopped · 4 the run was lost
            130 interrupted (Ctrl-C; the run itself goes on)

RUN is a run's id, a unique part of it (its last 4 letters), its directory, or `last`.
"""
STOP_TIMEOUT_S = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; errors of the user's making are one sentence on stderr."""
    arguments = _parser().parse_args(argv)
    try:
        command: Callable[[argparse.Namespace], int] = arguments.command
        return int(command(arguments))
    except UserError as error:
        print(f"trtbench-tui: {error}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    except BrokenPipeError:
        # The reader of our output left (`| head`); Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trtbench-tui",
        description="The terminal cockpit for TensorRT-LLM benchmarks.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"trtbench-tui {VERSION}")
    parser.set_defaults(command=_dashboard)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    run = commands.add_parser("run", help="start a run of a profile and watch it")
    run.add_argument("profile", metavar="PROFILE", help="name of a profile, or path of its file")
    run.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="change a field for this run, e.g. --set benchmark.num_runs=20 (repeatable)",
    )
    run.add_argument("--anyway", action="store_true", help="start also when a preflight check fails")
    _add_gpu_rate(run)
    run.add_argument(
        "--no-gpu", dest="gpu_hz", action="store_const", const=0.0, help="do not read the GPUs at all"
    )
    _add_output_options(run)
    run.set_defaults(command=_run)

    attach = commands.add_parser(
        "attach", help="watch a run, as often and from as many terminals as you like"
    )
    attach.add_argument("run", metavar="RUN")
    _add_output_options(attach)
    attach.set_defaults(command=_attach)

    stop = commands.add_parser("stop", help="stop a run and leave no process of it")
    stop.add_argument("run", metavar="RUN")
    stop.set_defaults(command=_stop)

    ls = commands.add_parser("ls", help="list all runs, newest first")
    ls.add_argument("--json", action="store_true", help="one JSON object a line")
    ls.set_defaults(command=_ls)

    show = commands.add_parser("show", help="print the final table of a run")
    show.add_argument("run", metavar="RUN")
    show.add_argument("--json", action="store_true", help="the report as one JSON object")
    show.set_defaults(command=_show)

    doctor = commands.add_parser("doctor", help="check this machine, and what a profile needs; with fixes")
    doctor.add_argument("profile", metavar="PROFILE", nargs="?")
    doctor.set_defaults(command=_doctor)

    importer = commands.add_parser("import", help="take the output of a benchmark.py run into the history")
    importer.add_argument("file", metavar="FILE", help="[BENCHMARK] lines, a CSV, or a whole console log")
    importer.set_defaults(command=_import)

    gpus = commands.add_parser("gpus", help="what the GPUs do now, without a run; Ctrl-C ends it")
    gpus.add_argument("--once", action="store_true", help="one reading, then end")
    gpus.add_argument("--json", action="store_true", help="one JSON object a reading")
    _add_gpu_rate(gpus)
    gpus.set_defaults(command=_gpus)

    replay = commands.add_parser("replay", help="play a run again as it happened")
    replay.add_argument("run", metavar="RUN")
    replay.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="times as fast (default 1)")
    _add_output_options(replay)
    replay.set_defaults(command=_replay)

    _add_profile_commands(commands.add_parser("profiles", help="list, show, check and copy profiles"))
    return parser


def _add_gpu_rate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gpu-hz", type=_gpu_hz, default=2.0, metavar="HZ", help="readings of the GPUs a second (default 2)"
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--headless", action="store_true", help="no dashboard, also on a terminal")
    parser.add_argument(
        "--json", action="store_true", help="headless; every event and the report as JSON lines"
    )


def _profiles(arguments: argparse.Namespace) -> int:
    from runner.profile.commands import COMMANDS

    return COMMANDS[arguments.action](arguments)


def _add_profile_commands(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = actions.add_parser("list", help="all profiles: yours, then the built-in ones")
    listing.set_defaults(command=_profiles, action="list")
    show = actions.add_parser("show", help="print a profile and the commands it runs")
    show.add_argument("profile", metavar="PROFILE")
    show.set_defaults(command=_profiles, action="show")
    validate = actions.add_parser("validate", help="check profiles; every problem with its file and line")
    validate.add_argument("profiles", metavar="PROFILE", nargs="*", help="names or files (default: all)")
    validate.set_defaults(command=_profiles, action="validate")
    schema = actions.add_parser("schema", help="JSON Schema of profiles, for editors")
    schema.set_defaults(command=_profiles, action="schema")
    copy = actions.add_parser("copy", help="copy a profile into your own folder, to change it there")
    copy.add_argument("profile", metavar="PROFILE")
    copy.add_argument("name", metavar="NEW_NAME")
    copy.set_defaults(command=_profiles, action="copy")


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed; allowed: a number above 0, at most 10000")
    return speed


def _gpu_hz(text: str) -> float:
    try:
        hz = float(text)
    except ValueError:
        hz = 0.0
    if not 0.2 <= hz <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; allowed: 0.2 to 10 times a second")
    return hz


# --- the dashboard -------------------------------------------------------------------------------------


def _dashboard(_: argparse.Namespace) -> int:
    if not _has_terminal():
        raise UserError(
            "there is no terminal to draw the dashboard on",
            hint="`trtbench-tui run PROFILE` runs without one; `trtbench-tui --help` lists all commands",
        )
    _before_drawing()
    from tui.app import Home

    return _draw(Home())


def _draw(start: Start) -> int:
    from tui.app import run_app

    return run_app(start)


def _has_terminal() -> bool:
    """Whether the dashboard can be drawn: Textual reads keys from stdin and draws on stderr."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM") != "dumb" and all(stream.isatty() for stream in streams)


def _before_drawing() -> None:
    """What must be so before Textual is imported."""
    # Painting is coalesced to at most this many times a second.
    os.environ.setdefault("TEXTUAL_FPS", "20")
    # Nothing that is loaded for the first frame is garbage; the app looks for some once it is drawn.
    gc.disable()


def _watch(feed: Feed, arguments: argparse.Namespace) -> int:
    """On the dashboard where there is a terminal, else in words."""
    if arguments.headless or arguments.json or not _has_terminal():
        from runner.headless import follow

        return follow(feed, as_json=arguments.json)
    _before_drawing()
    from tui.app import Live

    return _draw(Live(feed))


# --- runs ----------------------------------------------------------------------------------------------


def _run(arguments: argparse.Namespace) -> int:
    from runner import launcher
    from runner.feed import open_feed
    from runner.profile import file as profile_file
    from runner.profile import store as profile_store

    profile = profile_store.find(arguments.profile).load()
    if arguments.changes:
        profile = profile_file.with_changes(profile, arguments.changes)
    if not arguments.anyway:
        _refuse_what_would_fail(profile)
    return _watch(open_feed(launcher.start(profile, gpu_hz=arguments.gpu_hz)), arguments)


def _refuse_what_would_fail(profile: Profile) -> None:
    """Preflight: better a sentence now than a failure after an hour of building."""
    from runner import preflight
    from runner.engines import make_plan

    make_plan(profile)  # its own refusals are more to the point
    failing = [check for check in preflight.check(profile) if check.verdict == "fail"]
    if failing:
        raise UserError(
            f"the run would fail:\n{preflight.render(failing)}".rstrip(),
            hint="`run --anyway` starts it nevertheless; `doctor` shows all checks",
        )


def _attach(arguments: argparse.Namespace) -> int:
    from runner import rundir
    from runner.feed import open_feed

    return _watch(open_feed(rundir.find(arguments.run)), arguments)


def _replay(arguments: argparse.Namespace) -> int:
    from runner import rundir
    from runner.feed import open_replay

    return _watch(open_replay(rundir.find(arguments.run), arguments.speed), arguments)


def _stop(arguments: argparse.Namespace) -> int:
    from runner import history, rundir

    run_dir = rundir.find(arguments.run)
    if history.entry(run_dir).ended:
        print(f"{run_dir.name} has ended already", file=sys.stderr)
        return ExitCode.OK
    rundir.request_stop(run_dir, "trtbench-tui stop")
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while not (ended := history.entry(run_dir)).ended:
        if time.monotonic() > deadline:
            # It does not answer; whoever reads the run next cleans up after it.
            rundir.signal_supervisor(run_dir, signal.SIGKILL)
            deadline += STOP_TIMEOUT_S
        time.sleep(0.1)
    print(f"{run_dir.name} {ended.status}", file=sys.stderr)
    return ExitCode.OK


def _doctor(arguments: argparse.Namespace) -> int:
    from runner import preflight
    from runner.profile import store as profile_store

    profile = profile_store.find(arguments.profile).load() if arguments.profile else None
    checks = preflight.check(profile)
    sys.stdout.write(preflight.render(checks))
    return ExitCode.RUN_FAILED if preflight.failed(checks) else ExitCode.OK


def _import(arguments: argparse.Namespace) -> int:
    from runner import report
    from runner.headless import print_report
    from runner.import_run import import_file

    run_dir = import_file(Path(arguments.file))
    print(run_dir, file=sys.stderr)
    print_report(report.load(run_dir), as_json=False)
    return ExitCode.OK


def _gpus(arguments: argparse.Namespace) -> int:
    from runner.telemetry.command import show

    show(arguments.gpu_hz, once=arguments.once, as_json=arguments.json)
    return ExitCode.OK


def _ls(arguments: argparse.Namespace) -> int:
    from runner import history
    from runner.listing import as_json, as_text

    entries = history.entries()
    sys.stdout.write(as_json(entries) if arguments.json else as_text(entries))
    return ExitCode.OK


def _show(arguments: argparse.Namespace) -> int:
    from runner import report, rundir
    from runner.headless import print_report

    print_report(report.load(rundir.find(arguments.run)), as_json=arguments.json)
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
