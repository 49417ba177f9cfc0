"""The first screen: profiles, their options as a form, and the commands that a run will execute.

The first frame is the first and the last line. Profiles, plans and the history of runs are read by workers
after it, so a start takes as long as it takes to draw.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.widget import Widget

from runner.errors import UserError
from tui.keys import bindings
from tui.screens.filtering import FilteringScreen
from tui.screens.home_view import commands_of, draw_footer, draw_header, panes
from tui.widgets.command_view import Commands, CommandView
from tui.widgets.picker import Picker
from tui.widgets.profile_about import About
from tui.widgets.profile_form import Help, ProfileForm
from tui.widgets.profile_list import ProfileList
from tui.widgets.rows import Panel

if TYPE_CHECKING:
    from runner.profile import Profile
    from tui.app import TrtbenchApp
    from tui.catalogue import Catalogue, Item, Listing
    from tui.form import Form

LOOK_EVERY_S = 2.0
"""How often the list of profiles and of what runs now is read again."""
LOW = 32
"""Below this many lines only what changes the next step is said about a profile."""


class HomeScreen(FilteringScreen):
    """Wires the list, the form and the commands; all of them show what this screen gives them."""

    app: TrtbenchApp
    CSS_PATH = "home.tcss"
    filter_pane = "#profiles"
    filter_list = "#profile-list"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("home"),
        Binding("f5", "run", "start the chosen profile", show=False),
        Binding("shift+tab", "switch_pane(-1)", "the other side", show=False),
        Binding("escape", "show_all", "show all profiles again", show=False),
    ]

    @dataclass
    class Listed(Message):
        """The profiles and the runs under way were read."""

        listing: Listing

    @dataclass
    class Planned(Message):
        """The plan of the form was made, or cannot be made."""

        number: int
        commands: Commands

    @dataclass
    class Started(Message):
        run_dir: Path

    @dataclass
    class NotStarted(Message):
        error: UserError

    def __init__(self) -> None:
        super().__init__()
        self._catalogue: Catalogue | None = None
        self._listing: Listing | None = None
        self._items: list[Item] = []
        """what the list shows: the listing, filtered"""
        self._item: Item | None = None
        self._form: Form | None = None
        self._refused = ""
        self._plans = 0
        """how many plans were asked for: only the answer to the last one counts"""
        self._busy_listing = False
        self._starting = False
        self._began = False
        self._ready = False
        """the panes are there"""

    def compose(self) -> ComposeResult:
        yield Panel(draw_header, id="header")
        yield Container(id="home-body")
        yield Panel(draw_footer, id="footer")

    def on_mount(self) -> None:
        self._show_frame()

    def _begin(self) -> None:
        self._look()
        self.set_interval(LOOK_EVERY_S, self._look)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key pressed before there is anything to act on does nothing, but for leaving."""
        return self._ready or action == "quit"

    # --- the list of profiles ---------------------------------------------------------------------------

    def _look(self) -> None:
        if not self._busy_listing and self.is_current:
            self._busy_listing = True
            self.run_worker(self._read_listing, thread=True, group="listing")

    def _read_listing(self) -> None:
        from tui.catalogue import Catalogue

        if self._catalogue is None:
            self._catalogue = Catalogue()
        self.post_message(self.Listed(self._catalogue.listing()))

    async def on_home_screen_listed(self, message: Listed) -> None:
        self._busy_listing = False
        first = self._listing is None
        self._listing = message.listing
        if first:
            self._choose_first(message.listing)
        if self._ready:
            self._show_list()
            return
        # Only now is there something to fill the panes with; empty ones would be drawn for nothing.
        with self.app.batch_update():
            await self.query_one("#home-body").mount(*panes())
            self._ready = True
            self.query_one(ProfileList).focus()
            self._show_list()

    def _choose_first(self, listing: Listing) -> None:
        """Where the user was before; a newcomer finds the profile to begin with."""
        from tui.catalogue import FIRST
        from tui.form import drafts_of

        wanted = drafts_of(self.app).chosen or (FIRST if listing.newcomer else "")
        found = [item for item in listing.items if item.key == wanted] or list(listing.items)
        self._item = found[0] if found else None

    def _show_list(self) -> None:
        """Show the filtered list and go on with the same item as before, if it is still there."""
        if self._listing is None:
            return
        from tui.catalogue import filtered
        from tui.form import drafts_of

        self._items = filtered(self._listing.items, self.filter)
        keys = [item.key for item in self._items]
        chosen = keys.index(self._item.key) if self._item and self._item.key in keys else 0
        self.query_one(ProfileList).show_items(
            self._items,
            chosen,
            changed={name for name, form in drafts_of(self.app).forms.items() if form.changed},
            now=now(),
            empty=f"no profile contains “{self.filter}”" if self.filter else "no profiles",
        )
        pane = self.query_one("#profiles")
        pane.border_subtitle = f"filter: {self.filter} · esc shows all" if self.filter else ""
        self._take(self._items[chosen] if self._items else None)

    def _take(self, item: Item | None) -> None:
        """Show an item on the right; its form starts anew only when its profile is another one."""
        from tui.form import Form, drafts_of

        before, self._item = self._item, item
        profile = item.profile if item else None
        same = before is not None and item is not None and before.key == item.key
        if item is None or profile is None:
            self._form = None
        elif item.run is not None:
            self._form = Form(profile, profile)
        elif not same or self._form is None or self._form.saved != profile:
            self._form = drafts_of(self.app).form_of(profile)
        if item is not None:
            drafts_of(self.app).chosen = item.key
        self._show_about()
        self.query_one("#home-body").set_class(self._form is None, "-empty")
        if not same or self._shown_form is not self._form:
            self.query_one(ProfileForm).close_editor()
            self._show_form(0 if not same else None)

    def on_picker_chosen(self, event: Picker.Chosen) -> None:
        if event.picker.id == "profile-form":
            self._show_help()
        elif not self._accept_editor():
            self._show_list()
            self.query_one(ProfileForm).focus_editor()
        elif event.item < len(self._items):
            self._take(self._items[event.item])

    def on_picker_activated(self, event: Picker.Activated) -> None:
        """A double click on a profile goes to its options."""
        self.query_one(ProfileForm).focus()

    # --- the form ---------------------------------------------------------------------------------------

    _shown_form: Form | None = None

    def _show_form(self, cursor: int | None = None) -> None:
        form = self._shown_form = self._form
        if form is None:
            return
        widget = self.query_one(ProfileForm)
        widget.fixed = self._item is not None and self._item.run is not None
        widget.show_form(form.rows(), cursor)
        options = self.query_one("#options")
        changes = sum(found.changed for found in form.rows())
        options.border_title = f"{form.saved.name}{' · changed' if form.changed else ''}"
        told = f"{changes} changed · u takes the last one back" if form.past else f"{changes} changed"
        options.border_subtitle = told if form.past or changes else ""
        self._show_help()
        self._plan(form.profile)

    def _change(self, form: Form) -> None:
        """Go on with a changed form."""
        from tui.form import drafts_of

        self._form = form
        drafts_of(self.app).keep(form)
        self._refused = ""
        self._show_form()
        self._show_list()

    def _show_help(self) -> None:
        widget = self.query_one(ProfileForm)
        panel: Panel[Help] = self.query_one("#field-help", Panel)
        panel.update(Help(widget.current, self._refused, editing=widget.editing is not None))

    def on_profile_form_refused(self) -> None:
        self.notify("this run is under way; choose its profile below to change options", markup=False)

    def action_edit(self) -> None:
        if self._form is not None:
            widget = self.query_one(ProfileForm)
            widget.focus()
            widget.edit()
            self._show_help()

    def on_profile_form_typing(self) -> None:
        self._refused = ""
        self._show_help()

    def on_profile_form_submitted(self, message: ProfileForm.Submitted) -> None:
        self._accept_editor()

    def _accept_editor(self) -> bool:
        """Take what is in the editor, if it is open; False when that is not allowed."""
        widget = self.query_one(ProfileForm)
        if widget.editing is None or self._form is None:
            return True
        path = widget.editing.field.path
        form = self._with(path, widget.editor_text)
        if form is None:
            return False
        widget.close_editor()
        self._change(form)
        return True

    def _with(self, path: str, text: str) -> Form | None:
        """The form with a value, or None after saying why it is not allowed."""
        from runner.profile.file import ProfileError
        from tui.form import refusal

        assert self._form is not None
        try:
            return self._form.with_value(path, text)
        except ProfileError as error:
            self._refused = refusal(error, path)
            self._show_help()
            return None

    def on_profile_form_cycled(self, message: ProfileForm.Cycled) -> None:
        from runner.profile.file import ProfileError
        from tui.form import refusal

        if self._form is None:
            return
        try:
            self._change(self._form.with_next_choice(message.row, message.step))
        except ProfileError as error:
            self._refused = refusal(error, message.row.field.path)
            self._show_help()

    def action_undo(self) -> None:
        if self._form is None:
            return
        if not self._form.past:
            self.notify("nothing was changed here", markup=False)
            return
        self._change(self._form.undone())

    # --- commands ---------------------------------------------------------------------------------------

    def _plan(self, profile: Profile) -> None:
        """Make the plan outside the event loop: it asks mpirun for its version."""
        self._plans += 1
        number = self._plans
        run_dir = self._item.run.run_dir if self._item and self._item.run else None
        pane = self.query_one(CommandView)
        if pane.data is None:
            pane.update(Commands(waiting="making the plan ..."))

        def work() -> None:
            self.post_message(self.Planned(number, commands_of(profile, run_dir)))

        self.run_worker(work, thread=True, group="plan")

    def on_home_screen_planned(self, message: Planned) -> None:
        if message.number == self._plans:
            self.query_one(CommandView).update(message.commands)

    def action_run(self) -> None:
        """Start the chosen profile as the form stands, or go to the run that is chosen."""
        if self.query_one(ProfileForm).editing is not None:
            self._accept_editor()
            return
        if self._item is None or self._starting:
            return
        if self._item.run is not None:
            self._open(self._item.run.run_dir)
            return
        if self._form is None:
            self.notify(
                f"{self._item.name} cannot be used; the reason is on the right",
                severity="error",
                markup=False,
            )
            return
        commands = self.query_one(CommandView).data
        if commands is not None and commands.error:
            self.app.notify_error(UserError(commands.error, hint=commands.hint))
            return
        self._starting = True
        self._show_frame()
        profile = self._form.profile

        def work() -> None:
            from runner import launcher

            try:
                self.post_message(self.Started(launcher.start(profile)))
            except UserError as error:
                self.post_message(self.NotStarted(error))

        self.run_worker(work, thread=True, group="start")

    def on_home_screen_started(self, message: Started) -> None:
        if not self._open(message.run_dir):
            self._starting = False
            self._show_frame()

    def on_home_screen_not_started(self, message: NotStarted) -> None:
        self._starting = False
        self._show_frame()
        self.app.notify_error(message.error)

    def _open(self, run_dir: Path) -> bool:
        """Go to a run; False when that is not possible."""
        from runner.feed import open_feed

        try:
            self.app.open_live(open_feed(run_dir))
        except UserError as error:
            self.app.notify_error(error)
            return False
        return True

    # --- saving -----------------------------------------------------------------------------------------

    def action_save_as(self) -> None:
        if not self._accept_editor() or self._form is None:
            return
        from tui.screens.save_as import SaveAs

        self.app.push_screen(SaveAs(self._form.profile), self._saved)

    def _saved(self, profile: Profile | None) -> None:
        """The changes belong to the saved profile now; the one that they were made in is as it was."""
        if profile is None or self._form is None:
            return
        from tui.form import drafts_of

        drafts = drafts_of(self.app)
        drafts.forms.pop(self._form.saved.name, None)
        drafts.chosen = profile.name
        self._form = None
        self._listing = None  # read again, with the saved profile chosen
        self.notify(f"saved as {profile.name}", markup=False)
        self._look()

    # --- filtering and moving ---------------------------------------------------------------------------

    def action_filter(self) -> None:
        if self._accept_editor():
            super().action_filter()

    def apply_filter(self) -> None:
        self._show_list()

    def action_switch_pane(self, step: int = 1) -> None:
        """From the list to the form, to the commands, and around."""
        if not self._accept_editor():
            return
        panes: list[Widget] = [self.query_one(ProfileList)]
        if self._form is not None:
            panes += [self.query_one(ProfileForm), self.query_one(CommandView)]
        focused = self.focused
        here = panes.index(focused) if focused in panes else 0
        panes[(here + step) % len(panes)].focus()

    def on_descendant_focus(self) -> None:
        self._unfold()

    def on_descendant_blur(self) -> None:
        self._unfold()

    def _unfold(self) -> None:
        """Give the commands the room of the form while somebody looks at them and not all fit."""
        commands = self.query(CommandView).first() if self._ready else None
        if commands is not None:
            body = self.query_one("#home-body")
            body.set_class(commands.has_focus and self.size.height < LOW, "-unfolded")

    def action_runs(self) -> None:
        if self._accept_editor():
            self.app.open_runs()

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen("home"))

    def action_quit(self) -> None:
        self.app.leave()

    # --- the frame --------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        if self._ready:
            self._show_about()
        elif not self._began:
            # The first size is the first that can be drawn: on mounting, nothing was on the screen yet.
            self._began = True
            self.call_after_refresh(self._begin)

    def _show_about(self) -> None:
        if self._listing is not None:
            panel: Panel[About] = self.query_one("#about", Panel)
            panel.update(About(self._item, self._listing.newcomer, self.size.height < LOW, now()))

    def _show_frame(self) -> None:
        header: Panel[str] = self.query_one("#header", Panel)
        header.update("starting the run ..." if self._starting else "")
        footer: Panel[str] = self.query_one("#footer", Panel)
        footer.update("")


def now() -> float:
    """Seconds since 1970; the one clock of this screen."""
    return time.time()
