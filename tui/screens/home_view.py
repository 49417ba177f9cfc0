"""What the home screen is made of: its panes, its first and last line, and a plan in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.widget import Widget

from runner.errors import UserError
from tui.keys import footer_row, valid_keys
from tui.widgets.command_view import Command, Commands, CommandView
from tui.widgets.profile_about import draw_about
from tui.widgets.profile_form import ProfileForm, draw_help
from tui.widgets.profile_list import ProfileList
from tui.widgets.rows import Panel, Row, Span, dim, row, spread

if TYPE_CHECKING:
    from runner.profile import Profile

NARROW_KEYS = ("run", "edit", "save_as", "switch_pane", "runs", "quit", "help")
"""Keys of the footer when not all fit."""


def panes() -> tuple[Widget, Widget]:
    """The two sides of the screen."""
    form = Vertical(
        ProfileForm(id="profile-form"), Panel(draw_help, id="field-help"), id="options", classes="framed"
    )
    commands = CommandView(id="commands", classes="framed")
    profiles = Vertical(ProfileList(id="profile-list"), id="profiles", classes="framed")
    profiles.border_title, form.border_title, commands.border_title = "profiles", "options", "commands"
    return profiles, Vertical(Panel(draw_about, id="about"), form, commands, id="chosen")


def commands_of(profile: Profile, run_dir: Path | None) -> Commands:
    """The commands of a profile for a run to come, or those of a run that exists."""
    from runner import rundir
    from runner.engines import make_plan
    from runner.plan import RUN_DIR, as_shell
    from tui.text import plural

    try:
        plan = rundir.load_plan(run_dir) if run_dir is not None else make_plan(profile)
    except UserError as error:
        return Commands(error=str(error.args[0]), hint=error.hint)
    commands = []
    for stage in plan.stages:
        where = "$RUN, the directory of the new run" if stage.cwd == str(RUN_DIR) else stage.cwd
        title = f"{stage.name}: {plural(stage.ranks, 'rank')}, in {where}"
        commands.append(Command(title, as_shell(stage)))
    return Commands(tuple(commands), tuple(plan.notes))


def draw_header(note: str, width: int, height: int) -> list[Row]:
    left = row(Span("trtbench-tui", "title"), dim("  home"))
    return [spread(left, row(Span(note, "accent")) if note else (), width)]


def draw_footer(note: str, width: int, height: int) -> list[Row]:
    keys = valid_keys("home")
    line = footer_row(keys, 10_000)
    if sum(len(span.text) for span in line) > width:
        keys = [key for key in keys if key.action in NARROW_KEYS]
    return [footer_row(keys, width, note)]
