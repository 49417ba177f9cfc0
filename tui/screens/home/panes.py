"""The two sides of the home screen; loaded when there is something to show in them."""

from __future__ import annotations

from textual.containers import Vertical
from textual.widget import Widget

from tui.screens.home_commands import CommandPane
from tui.screens.home_form import FormPane
from tui.widgets.profile_about import draw_about
from tui.widgets.profile_list import ProfileList
from tui.widgets.rows import Panel


def panes() -> tuple[Widget, Widget]:
    """The list, and what is chosen in it."""
    profiles = Vertical(ProfileList(id="profile-list"), id="profiles", classes="framed")
    profiles.border_title = "profiles"
    return profiles, Vertical(Panel(draw_about, id="about"), FormPane(), CommandPane(), id="chosen")
