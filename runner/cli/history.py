"""The commands of the history: `ls`, `trend`, `tag`, `note`, `rename`, `rm` and `trash`."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from runner.cli.options import SubCommands
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode

if TYPE_CHECKING:
    from runner.history.ordering import Sort
    from runner.history.run_entry import RunEntry

FILTER_HELP = """\
filter terms; a run must match all of them (`-term` negates a term, a comma in a value means "or"):
"""


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    ls = commands.add_parser(
        "ls",
        help="list runs; filter, sort and group them",
        description="List runs, newest first. The runs of a sweep are one row, with the sums of their times"
        " and warnings and the best of their numbers; its id is that of the sweep.",
        epilog="`ls --filter help` explains the filter terms. A term that starts with a dash needs an equals"
        " sign: --filter=-tag:bad",
    )
    ls.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="TERMS",
        help="list matching runs only, e.g. 'qwen status:failed since:7d'",
    )
    ls.add_argument(
        "--sort", metavar="KEY", help="sort by when, tokens, latency, took, profile, warnings or disk"
    )
    ls.add_argument("--reverse", action="store_true", help="reverse the order")
    ls.add_argument("--group", choices=["profile"], help="group by profile, below a heading with its trend")
    ls.add_argument("--unfold", action="store_true", help="list each run of a sweep in a row of its own")
    ls.add_argument("-n", "--limit", type=_limit, metavar="N", help="list N rows at most")
    ls.add_argument("--disk", action="store_true", help="show the disk space that they use")
    ls.add_argument("-q", "--quiet", action="store_true", help="print the ids of the runs only, one per line")
    ls.add_argument("--json", action="store_true", help="print one JSON object per line, one for each run")
    ls.set_defaults(command=_ls, on_hosts="list")

    trend = commands.add_parser(
        "trend",
        help="show how the numbers of a profile changed from run to run",
        description="Show how the numbers of a profile changed from run to run. A sweep is one row: its best"
        " cell, and of a cell that was measured several times the mean.",
    )
    trend.add_argument("profile", metavar="PROFILE")
    trend.add_argument("--unfold", action="store_true", help="show each run of a sweep in a row of its own")
    trend.add_argument(
        "--json", action="store_true", help="print one JSON object per configuration, with each run"
    )
    trend.set_defaults(command=_trend)

    tag = commands.add_parser(
        "tag",
        help="add tags to a run or remove them",
        description="Add tags to a run or remove them: tag RUN +good -draft",
        usage="%(prog)s [-h] RUN [+TAG|-TAG ...]",
        prefix_chars="\0",  # -draft is not an option here; `_tag` handles -h itself
        add_help=False,
    )
    tag.add_argument("run", metavar="RUN")
    tag.add_argument("tags", metavar="+TAG|-TAG", nargs="*", default=[], help="default: print the tags")
    tag.set_defaults(command=_tag, help=tag.print_help)

    note = commands.add_parser("note", help="write a note on a run")
    note.add_argument("run", metavar="RUN")
    note.add_argument("text", metavar="TEXT", nargs="?", help="'' removes the note; default: print the note")
    note.set_defaults(command=_note)

    rename = commands.add_parser("rename", help="give a run a name")
    rename.add_argument("run", metavar="RUN")
    rename.add_argument("name", metavar="NAME", help="'' removes the name; the id never changes")
    rename.set_defaults(command=_rename)

    remove = commands.add_parser("rm", help="move runs to the trash")
    remove.add_argument("runs", metavar="RUN", nargs="+")
    remove.add_argument("--yes", "-y", action="store_true", help="do not ask")
    remove.set_defaults(command=_rm)

    _add_trash(commands.add_parser("trash", help="list, restore or permanently remove deleted runs"))


def _add_trash(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    ls = actions.add_parser("ls", help="list deleted runs, the last deleted first")
    ls.set_defaults(command=_trash_ls)
    restore = actions.add_parser("restore", help="put deleted runs back")
    restore.add_argument("runs", metavar="DELETED", nargs="+", help="a deleted run; or `last`")
    restore.set_defaults(command=_trash_restore)
    empty = actions.add_parser("empty", help="permanently remove all deleted runs")
    empty.add_argument("--yes", "-y", action="store_true", help="do not ask")
    empty.set_defaults(command=_trash_empty)


def _limit(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a limit; allowed: a whole number from 1")
    return int(text)


# --- lists -------------------------------------------------------------------------------------------------


def _ls(arguments: argparse.Namespace) -> int:
    from runner.history import ordering, query
    from runner.history.reader import read_entries

    text = " ".join(arguments.filter)
    if text == "help":
        sys.stdout.write(FILTER_HELP + "".join(f"  {term:<14}  {what}\n" for term, what in query.GRAMMAR))
        return ExitCode.OK
    sort = ordering.find_sort(arguments.sort or "when")
    query.parse_filter(text, 0.0)  # report a mistake before anything is read
    disk = arguments.disk or sort.name == "disk" or query.needs_disk(text)
    return list_runs(arguments, read_entries(disk=disk))


def list_runs(
    arguments: argparse.Namespace,
    every: Sequence[RunEntry],
    host_of: Callable[[RunEntry], str] | None = None,
) -> int:
    """Print the runs that the options of `ls` select.

    Args:
        arguments: the options.
        every: all runs, newest first.
        host_of: the machine of a run, which then is a column; None: all are of this machine.

    Raises:
        UserError: the filter or the order is invalid.
    """
    from runner.history import ordering, query
    from runner.history import run_list as listing

    sort = ordering.find_sort(arguments.sort or "when")
    matching = query.filter_entries(every, " ".join(arguments.filter))
    runs = ordering.sort_entries(matching, sort, reverse=arguments.reverse)
    single = arguments.unfold or arguments.quiet or arguments.json
    found = runs if single else _fold(runs, every, sort, arguments, host_of)
    shown = found[: arguments.limit]
    if arguments.quiet:
        for entry in shown:
            print(f"{host_of(entry)}:{entry.run}" if host_of is not None else entry.run_dir.name)
        return ExitCode.OK
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if arguments.group and not arguments.json:
        groups = ordering.group_by_profile(every)
        lines = listing.as_groups(
            groups, ordering.group_by_profile(shown), disk=arguments.disk, width=width, host_of=host_of
        )
        sys.stdout.write(lines)
    elif arguments.json:
        in_groups = [entry for group in ordering.group_by_profile(shown).values() for entry in group]
        sys.stdout.write(listing.as_json(in_groups if arguments.group else shown, host_of))
    elif shown:
        sys.stdout.write(listing.as_text(shown, disk=arguments.disk, width=width, host_of=host_of))
    if not shown and not arguments.json:
        sys.stdout.write(listing.NO_MATCH if every else listing.NO_RUNS if host_of is None else "no runs\n")
    if not arguments.json:
        _print_totals(runs, len(found) - len(shown), len(found), disk=arguments.disk)
    return ExitCode.OK


def _fold(
    runs: Sequence[RunEntry],
    every: Sequence[RunEntry],
    sort: Sort,
    arguments: argparse.Namespace,
    host_of: Callable[[RunEntry], str] | None,
) -> list[RunEntry]:
    """Return the runs with one entry a sweep; in groups, one for each profile, and one for each machine."""
    from runner.history import ordering
    from runner.history.sweep_fold import fold_runs, sweep_totals

    totals, reverse = sweep_totals(every), arguments.reverse
    parts: dict[tuple[str, str], list[RunEntry]] = {}
    for run in runs:
        part = run.profile if arguments.group else "", host_of(run) if host_of is not None else ""
        parts.setdefault(part, []).append(run)
    folded = [entry for part in parts.values() for entry in fold_runs(part, totals, sort, reverse=reverse)]
    return ordering.sort_entries(folded, sort, reverse=reverse)


def _print_totals(runs: Sequence[RunEntry], hidden: int, rows: int, *, disk: bool) -> None:
    """Print how many of the rows the limit hides and, with `disk`, the space that the runs use together."""
    from runner.history import run_list as listing
    from runner.history import trash
    from runner.history.disk_usage import disk_use
    from runner.util.formatting import plural

    if hidden:
        print(f"{hidden} more; --limit {rows} lists all", file=sys.stderr)
    if disk:
        total = sum(entry.disk or 0 for entry in runs)
        print(f"{listing.format_size(total)} in {plural(len(runs), 'run')}", end="")
        deleted = trash.list_trash()
        room = sum(disk_use(trashed.path) for trashed in deleted)
        print(f"; {listing.format_size(room)} in the trash ({len(deleted)})" if deleted else "")


def _trend(arguments: argparse.Namespace) -> int:
    import difflib

    from runner.history import run_list as listing
    from runner.history.reader import read_entries
    from runner.history.trend import find_trends, fold_trend

    entries = read_entries()
    found = find_trends(entries, arguments.profile)
    if not found:
        profiles = sorted({entry.profile for entry in entries if not entry.foreign})
        if arguments.profile in profiles:
            raise UserError(f"{arguments.profile} has no trend: none of its runs finished with a number yet")
        close = difflib.get_close_matches(arguments.profile, profiles, n=1)
        meant = f"did you mean {close[0]!r}?" if close else "`trtbench-tui ls` lists all runs"
        raise UserError(f"there is no run of a profile {arguments.profile!r}", hint=meant)
    if arguments.json:
        sys.stdout.writelines(map(listing.trend_json, found))
        return ExitCode.OK
    shown = found if arguments.unfold else [fold_trend(trend) for trend in found]
    sys.stdout.write("\n".join(map(listing.trend_text, shown)))
    return ExitCode.OK


# --- tags, notes and names ---------------------------------------------------------------------------------


def _tag(arguments: argparse.Namespace) -> int:
    from runner.history import labels
    from runner.history.lookup import find_run

    if arguments.run in ("-h", "--help") or "--help" in arguments.tags:
        arguments.help()
        return ExitCode.OK
    run = find_run(arguments.run).name
    labels.tag(run, *labels.tag_changes(arguments.tags))
    print(f"{run}: {' '.join(labels.label_of(run).tags) or 'no tags'}")
    return ExitCode.OK


def _note(arguments: argparse.Namespace) -> int:
    from runner.history import labels
    from runner.history.lookup import find_run

    run = find_run(arguments.run).name
    if arguments.text is not None:
        labels.annotate(run, arguments.text)
    print(f"{run}: {labels.label_of(run).note or 'no note'}")
    return ExitCode.OK


def _rename(arguments: argparse.Namespace) -> int:
    from runner.history import labels
    from runner.history.lookup import find_run

    run = find_run(arguments.run).name
    labels.rename(run, arguments.name)
    name = labels.label_of(run).name
    print(f"{run}: {f'“{name}”' if name else 'no name'}")
    return ExitCode.OK


# --- the trash ---------------------------------------------------------------------------------------------


def _rm(arguments: argparse.Namespace) -> int:
    from runner.history import trash
    from runner.history.lookup import find_run
    from runner.util.formatting import command

    run_dirs = list(dict.fromkeys(find_run(name) for name in arguments.runs))
    names = ", ".join(run_dir.name for run_dir in run_dirs)
    _ask(f"move {names} to the trash?", arguments.yes)
    trash.delete(run_dirs)
    print(f"in the trash: {names}; `{command('trash', 'restore', run_dirs[0].name)}` restores it")
    return ExitCode.OK


def _ask(question: str, yes: bool) -> None:
    """Ask the user to confirm an action; with `yes`, do not ask.

    Raises:
        UserError: there is no terminal to ask on, or the answer is not yes.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"{question.rstrip('?')}: there is no terminal to ask on", hint="confirm with --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UserError("nothing was deleted")


def _trash_ls(_: argparse.Namespace) -> int:
    from runner.history import run_list as listing
    from runner.history import trash

    deleted = trash.list_trash()
    sys.stdout.write(listing.trash_text(deleted) if deleted else "the trash is empty\n")
    return ExitCode.OK


def _trash_restore(arguments: argparse.Namespace) -> int:
    from runner.history import trash

    for trashed in [trash.find_trashed(name) for name in arguments.runs]:
        print(trash.restore(trashed))
    return ExitCode.OK


def _trash_empty(arguments: argparse.Namespace) -> int:
    from runner.history import run_list as listing
    from runner.history import trash
    from runner.history.disk_usage import disk_use
    from runner.util.formatting import plural

    deleted = trash.list_trash()
    if not deleted:
        print("the trash is empty")
        return ExitCode.OK
    room = listing.format_size(sum(disk_use(trashed.path) for trashed in deleted))
    _ask(f"remove {plural(len(deleted), 'deleted run')} ({room}) permanently?", arguments.yes)
    gone, problems = trash.empty(deleted)
    print(f"{gone} permanently removed")
    if problems:
        raise UserError(f"{len(problems)} could not be removed: {'; '.join(problems[:3])}")
    return ExitCode.OK
