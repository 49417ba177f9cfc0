"""The two sides of the home screen; loaded when there is something to show in them."""

from __future__ import annotations

from textual.containers import Vertical
from textual.widget import Widget

from tui.framework.rows import Panel
from tui.screens.home.about import draw_about
from tui.screens.home.command_pane import CommandPane
from tui.screens.home.form_pane import FormPane
from tui.screens.home.profile_list import ProfileList


def panes() -> tuple[Widget, Widget]:
    """The list, and what is chosen in it."""
    profiles = Vertical(ProfileList(id="profile-list"), id="profiles", classes="framed")
    profiles.border_title = "profiles"
    return profiles, Vertical(Panel(draw_about, id="about"), FormPane(), CommandPane(), id="chosen")
