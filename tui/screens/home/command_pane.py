"""The pane with the commands of the selected profile and its preflight; also starts runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from runner.util.errors import UserError
from runner.util.foreign_text import terminal_lines
from runner.util.formatting import plural
from tui.framework.titles import set_title
from tui.screens.home.command_view import CommandView, PreflightFinding, RunCommands, ShellCommand
from tui.text import plain_text

if TYPE_CHECKING:
    from runner.engines.check import Check
    from runner.schema.base import Profile

_CONSENT = (
    "another user may have written this profile: press P to make its plan and to check it, which starts"
    " programs that it names"
)


class CommandPane(CommandView):
    """Shows the plan of a profile and the findings of preflight; results of earlier profiles are dropped."""

    @dataclass
    class Planned(Message):
        """A plan was made, or failed."""

        number: int
        commands: RunCommands

    @dataclass
    class Checked(Message):
        """Preflight has finished."""

        number: int
        profile: Profile
        findings: tuple[PreflightFinding, ...]
        passed: int
        worst: Check | None
        """the first failing check; None: none fails"""

    @dataclass
    class Starting(Message):
        """The start of a run began or ended."""

        active: bool

    @dataclass
    class RunStarted(Message):
        """A run was started."""

        run_dir: Path

    @dataclass
    class DevicesInUse(Message):
        """A run was not started, because others use its devices; `holders` says who."""

        profile: Profile
        holders: str
        forced: bool
        """the user overrides the checks"""

    @dataclass
    class NodesChecked(Message):
        """A run was not started, because checks on its nodes fail."""

        profile: Profile
        failing: tuple[PreflightFinding, ...]

    @dataclass
    class StartFailed(Message):
        """A run could not be started."""

        error: UserError

    def __init__(self) -> None:
        super().__init__(id="commands", classes="framed")
        set_title(self, "commands")
        self._profile: Profile | None = None
        """the profile to check; None: an active run needs no preflight"""
        self._number = 0
        """number of the last profile; results for other numbers are dropped"""
        self._checking = False
        self._failing: tuple[PreflightFinding, ...] = ()
        self._starting = False
        self.update(RunCommands(waiting="making the plan ..."))

    @property
    def plan_error(self) -> UserError | None:
        """Why no plan can be made for the profile; None if there is one."""
        commands = self.data
        if commands is None or not commands.error:
            return None
        return UserError(commands.error, hint=commands.hint)

    def failing(self, profile: Profile) -> tuple[PreflightFinding, ...]:
        """Return the failing checks of a profile; empty until its preflight has finished."""
        return self._failing if profile == self._profile else ()

    # --- running ----------------------------------------------------------------------------------------

    def run(self, profile: Profile) -> None:
        """Start a run, or show why it cannot start; ask first if a preflight check fails."""
        if self._starting:
            return
        if (error := self.plan_error) is not None:
            self._show_error(error)
        elif failing := self.failing(profile):
            self._ask_to_force(failing, profile)
        else:
            self._start(profile)

    def _show_error(self, error: UserError) -> None:
        self.notify(str(error), severity="error", timeout=10)

    def _ask_to_force(self, failing: Sequence[PreflightFinding], profile: Profile) -> None:
        """Let the user override failing checks: preflight may be wrong."""
        from tui.screens.dialogs.confirm import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self._start(profile, forced=True)

        fails = plural(len(failing), "check fails", "checks fail")
        detail = "\n".join(f"{finding.name}: {finding.text}" for finding in failing)
        question = ConfirmScreen(f"{fails}; start the run?", detail, yes="start", no="cancel")
        self.app.push_screen(question, answered)

    def _start(self, profile: Profile, *, forced: bool = False, queue: bool = False) -> None:
        """Start a run if no other run uses its devices now and the checks on all its nodes pass.

        Args:
            profile: the profile.
            forced: the user overrides the checks.
            queue: let the run wait for devices in use; the nodes were checked before.
        """
        self.set_starting(True)
        nodes = self.data.nodes if self.data is not None else 1
        if nodes > 1 and not (forced or queue):
            set_title(self, f"commands · checking {nodes} nodes ...")

        def work() -> None:
            from runner import preflight
            from runner.supervision import launch

            try:
                checks = [] if forced or queue else preflight.check_all_nodes(profile)
                if preflight.has_failures(checks):
                    findings, _ = findings_of(checks)
                    self.post_message(self.NodesChecked(profile, tuple(f for f in findings if f.fails)))
                    return
                if not queue and (holders := preflight.devices_in_use(profile)):
                    self.post_message(self.DevicesInUse(profile, "\n".join(map(str, holders)), forced))
                    return
                self.post_message(self.RunStarted(launch.start(profile, checks=not forced)))
            except UserError as error:
                self.post_message(self.StartFailed(error))

        self.run_worker(work, thread=True, group="start")

    def on_command_pane_nodes_checked(self, message: NodesChecked) -> None:
        self.set_starting(False)
        fails = plural(len(message.failing), "check fails", "checks fail")
        set_title(self, f"commands · on all nodes: {fails}")
        if self.data is not None:
            self.update(replace(self.data, findings=(*message.failing, *self.data.findings)))
        self._ask_to_force(message.failing, message.profile)

    def on_command_pane_devices_in_use(self, message: DevicesInUse) -> None:
        from tui.screens.dialogs.confirm import ConfirmScreen

        self.set_starting(False)

        def answered(yes: bool | None) -> None:
            if yes:
                self._start(message.profile, forced=message.forced, queue=True)

        detail = f"{message.holders}\nThe run would wait until they are free."
        question = ConfirmScreen("Others use the devices; queue the run?", detail, yes="queue", no="cancel")
        self.app.push_screen(question, answered)

    def set_starting(self, active: bool) -> None:
        """Block a second start while a run is started and opened."""
        self._starting = active
        self.post_message(self.Starting(active))

    def on_command_pane_start_failed(self, message: StartFailed) -> None:
        self.set_starting(False)
        self._show_error(message.error)

    # --- plan and preflight -----------------------------------------------------------------------------

    def ask_for_consent(self) -> None:
        """Show how to see the plan of a profile that another user may have written."""
        self._number += 1
        self._profile = None
        self._failing = ()
        set_title(self, "commands")
        self.update(RunCommands(waiting=_CONSENT))

    def show_plan(self, profile: Profile, run_dir: Path | None) -> None:
        """Show the plan of a profile, or of an existing run; making one calls `mpirun --version`."""
        self._number += 1
        self._profile = profile if run_dir is None else None
        self._failing = ()
        set_title(self, "commands")
        number = self._number

        def work() -> None:
            self.post_message(self.Planned(number, make_commands(profile, run_dir)))

        self.run_worker(work, thread=True, group="plan")

    def on_command_pane_planned(self, message: Planned) -> None:
        if message.number == self._number:
            self.update(message.commands)
            self._check()

    def _check(self) -> None:
        """Start preflight, one at a time: it takes seconds. Results for an earlier profile are dropped."""
        if self._profile is None:
            return
        set_title(self, "commands · preflight ...")
        if self._checking:
            return
        self._checking = True
        number, profile = self._number, self._profile

        def work() -> None:
            from runner import preflight

            checks = preflight.check(profile)
            worst = next((check for check in checks if check.verdict == "fail"), None)
            self.post_message(self.Checked(number, profile, *findings_of(checks), worst))

        # Not a worker: the dashboard would wait for its end when it exits.
        threading.Thread(target=work, name="preflight", daemon=True).start()

    def on_command_pane_checked(self, message: Checked) -> None:
        self._checking = False
        if message.number != self._number:
            self._check()
            return
        self._failing = tuple(finding for finding in message.findings if finding.fails)
        set_title(self, f"commands · preflight: {summarise_checks(message.findings, message.passed)}")
        if self.data is not None:
            # The pane shows already why there is no plan.
            findings = tuple(f for f in message.findings if not (self.data.error and f.name == "plan"))
            self.update(replace(self.data, findings=findings))


def make_commands(profile: Profile, run_dir: Path | None) -> RunCommands:
    """Return the commands of a new run of a profile, or of an existing run."""
    from runner.engines.registry import make_plan
    from runner.engines.slurm.script import job_script
    from runner.plan.plan import RUN_DIR
    from runner.plan.redaction import redact_plan
    from runner.plan.repro_script import as_shell, files_read
    from runner.run import layout
    from runner.run.job import SCRIPT

    try:
        plan = redact_plan(layout.load_plan(run_dir) if run_dir is not None else make_plan(profile))
    except UserError as error:
        return RunCommands(error=str(error.args[0]), hint=error.hint)
    commands: list[ShellCommand] = []
    files: dict[str, str] = {}
    if plan.job is not None and plan.job.mode == "sbatch":
        script = job_script(plan.job, run_dir or RUN_DIR)
        title = f"the job that is submitted with sbatch, {run_dir or RUN_DIR}/{SCRIPT}"
        commands.append(ShellCommand(title, "", lines=tuple(script.splitlines())))
    for stage in plan.stages:
        where = "$RUN, the directory of the new run" if stage.cwd == str(RUN_DIR) else stage.cwd
        title = f"{stage.name}: {plural(stage.ranks, 'rank')}, in {where}"
        if stage.skip:
            title = f"{stage.name}: not run, {stage.skip}"
        command = "" if stage.skip else as_shell(stage, for_display=run_dir is None)
        commands.append(ShellCommand(title, command, again=stage.again))
        if not stage.skip:
            files |= dict(files_read(plan, stage))
    for path, content in files.items():
        commands.append(ShellCommand(f"the file {path}", "", lines=tuple(content.splitlines())))
    nodes = plan.nodes.nodes if plan.nodes is not None else 1
    return RunCommands(tuple(commands), tuple(plan.notes), nodes=nodes)


def findings_of(checks: Sequence[Check]) -> tuple[tuple[PreflightFinding, ...], int]:
    """Return the checks that did not pass, worst first, and the number of passed checks."""
    findings = tuple(
        PreflightFinding(
            check.verdict == "fail", plain_text(check.name), terminal_lines(check.text), plain_text(check.fix)
        )
        for check in checks
        if check.verdict != "pass"
    )
    return findings, len(checks) - len(findings)


def summarise_checks(findings: Sequence[PreflightFinding], passed: int) -> str:
    """Return `all 7 checks passed` or `2 checks fail, 1 warning`."""
    if not findings:
        return f"all {plural(passed, 'check')} passed"
    fails = sum(finding.fails for finding in findings)
    warns = len(findings) - fails
    parts = [plural(fails, "check fails", "checks fail")] if fails else []
    parts += [plural(warns, "warning")] if warns else []
    return ", ".join(parts)
