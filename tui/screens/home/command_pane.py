"""What a run of the chosen profile would do, what preflight says about it, and starting it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from runner.errors import UserError
from runner.util.formatting import plural
from tui.screens.home.command_view import Command, Commands, CommandView, Verdict
from tui.text import plain

if TYPE_CHECKING:
    from runner.engines.check import Check
    from runner.schema.base import Profile


class CommandPane(CommandView):
    """Shows the plan of a profile, and after it what preflight says; only the last profile counts."""

    @dataclass
    class Planned(Message):
        """A plan was made, or cannot be made."""

        number: int
        commands: Commands

    @dataclass
    class Checked(Message):
        """Preflight is through."""

        number: int
        verdicts: tuple[Verdict, ...]
        passed: int

    @dataclass
    class Starting(Message):
        """A run is being started, or no longer."""

        under_way: bool

    @dataclass
    class Started(Message):
        run_dir: Path

    @dataclass
    class NotStarted(Message):
        error: UserError

    def __init__(self) -> None:
        super().__init__(id="commands", classes="framed")
        self.border_title = "commands"
        self._profile: Profile | None = None
        """the profile that preflight is for; None: a run under way needs none"""
        self._number = 0
        """how many profiles were looked at: only the answer about the last one counts"""
        self._checking = False
        self._failing: tuple[Verdict, ...] = ()
        self._starting = False
        self.update(Commands(waiting="making the plan ..."))

    @property
    def refusal(self) -> UserError | None:
        """Why the profile cannot be run at all."""
        commands = self.data
        if commands is None or not commands.error:
            return None
        return UserError(commands.error, hint=commands.hint)

    def failing(self, profile: Profile) -> tuple[Verdict, ...]:
        """The checks of this profile that fail; none as long as preflight is not through with it."""
        return self._failing if profile == self._profile else ()

    # --- running ----------------------------------------------------------------------------------------

    def run(self, profile: Profile) -> None:
        """Start a run, or say why not; asks when preflight has found what would make it fail."""
        if self._starting:
            return
        if (refusal := self.refusal) is not None:
            self._refuse(refusal)
        elif failing := self.failing(profile):
            self._ask(failing, profile)
        else:
            self._start(profile)

    def _refuse(self, error: UserError) -> None:
        self.notify(str(error), severity="error", timeout=10, markup=False)

    def _ask(self, failing: Sequence[Verdict], profile: Profile) -> None:
        """Preflight says that the run would fail; it may be wrong, so the user decides."""
        from tui.screens.dialogs.confirm import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self._start(profile)

        fails = plural(len(failing), "check fails", "checks fail")
        detail = "\n".join(f"{verdict.name}: {verdict.text}" for verdict in failing)
        question = ConfirmScreen(f"{fails}; run anyway?", detail, yes="run anyway", no="do not run")
        self.app.push_screen(question, answered)

    def _start(self, profile: Profile) -> None:
        self.set_starting(True)

        def work() -> None:
            from runner.supervision import launch

            try:
                self.post_message(self.Started(launch.start(profile)))
            except UserError as error:
                self.post_message(self.NotStarted(error))

        self.run_worker(work, thread=True, group="start")

    def set_starting(self, under_way: bool) -> None:
        """A second run is not started while the first one is, or is being opened."""
        self._starting = under_way
        self.post_message(self.Starting(under_way))

    def on_command_pane_not_started(self, message: NotStarted) -> None:
        self.set_starting(False)
        self._refuse(message.error)

    # --- looking ahead ----------------------------------------------------------------------------------

    def look_at(self, profile: Profile, run_dir: Path | None) -> None:
        """Make the plan of a profile, or show that of a run which exists; it asks mpirun for its version."""
        self._number += 1
        self._profile = profile if run_dir is None else None
        self._failing = ()
        self.border_title = "commands"
        number = self._number

        def work() -> None:
            self.post_message(self.Planned(number, commands_of(profile, run_dir)))

        self.run_worker(work, thread=True, group="plan")

    def on_command_pane_planned(self, message: Planned) -> None:
        if message.number == self._number:
            self.update(message.commands)
            self._check()

    def _check(self) -> None:
        """Start preflight, one at a time: it takes seconds, and answers about what was left do not count."""
        if self._profile is None:
            return
        self.border_title = "commands · preflight ..."
        if self._checking:
            return
        self._checking = True
        number, profile = self._number, self._profile

        def work() -> None:
            from runner import preflight

            verdicts, passed = verdicts_of(preflight.check(profile))
            self.post_message(self.Checked(number, verdicts, passed))

        # No worker: the dashboard would wait for its end before it can end itself.
        threading.Thread(target=work, name="preflight", daemon=True).start()

    def on_command_pane_checked(self, message: Checked) -> None:
        self._checking = False
        if message.number != self._number:
            self._check()
            return
        self._failing = tuple(verdict for verdict in message.verdicts if verdict.fails)
        self.border_title = f"commands · preflight: {summary_of(message.verdicts, message.passed)}"
        if self.data is not None:
            # Why there is no plan stands there already.
            told = tuple(v for v in message.verdicts if not (self.data.error and v.name == "plan"))
            self.update(replace(self.data, verdicts=told))


def commands_of(profile: Profile, run_dir: Path | None) -> Commands:
    """The commands of a profile for a run to come, or those of a run that exists."""
    from runner.engines.registry import make_plan
    from runner.plan.plan import RUN_DIR, as_shell
    from runner.run import layout

    try:
        plan = layout.load_plan(run_dir) if run_dir is not None else make_plan(profile)
    except UserError as error:
        return Commands(error=str(error.args[0]), hint=error.hint)
    commands = []
    for stage in plan.stages:
        where = "$RUN, the directory of the new run" if stage.cwd == str(RUN_DIR) else stage.cwd
        title = f"{stage.name}: {plural(stage.ranks, 'rank')}, in {where}"
        if stage.skip:
            title = f"{stage.name}: not run, {stage.skip}"
        commands.append(Command(title, "" if stage.skip else as_shell(stage), again=stage.again))
    return Commands(tuple(commands), tuple(plan.notes))


def verdicts_of(checks: Sequence[Check]) -> tuple[tuple[Verdict, ...], int]:
    """What is to be said about the checks, worst first, and how many there is nothing to say about."""
    verdicts = tuple(
        Verdict(check.verdict == "fail", plain(check.name), plain(check.text), plain(check.fix))
        for check in checks
        if check.verdict != "pass"
    )
    return verdicts, len(checks) - len(verdicts)


def summary_of(verdicts: Sequence[Verdict], passed: int) -> str:
    """`all 7 checks passed`, `2 checks fail, 1 warning`."""
    if not verdicts:
        return f"all {plural(passed, 'check')} passed"
    fails = sum(verdict.fails for verdict in verdicts)
    warns = len(verdicts) - fails
    parts = [plural(fails, "check fails", "checks fail")] if fails else []
    parts += [plural(warns, "warning")] if warns else []
    return ", ".join(parts)
