"""The two sides of the home screen; imported when there is content for them."""

from __future__ import annotations

from textual.containers import Vertical
from textual.widget import Widget

from tui.framework.rows import Panel
from tui.framework.titles import set_title
from tui.screens.home.command_pane import CommandPane
from tui.screens.home.form_pane import FormPane
from tui.screens.home.profile_list import ProfileList
from tui.screens.home.profile_summary import draw_profile_summary


def create_panes() -> tuple[Widget, Widget]:
    """Create the list, and the panes about the selected profile."""
    profiles = Vertical(ProfileList(id="profile-list"), id="profiles", classes="framed")
    set_title(profiles, "profiles")
    return profiles, Vertical(FormPane(), Panel(draw_profile_summary, id="about"), CommandPane(), id="chosen")
