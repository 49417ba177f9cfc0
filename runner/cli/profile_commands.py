"""The sub-commands of `trtbench-tui profiles`: list, show, validate, copy and schema."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from runner.engines.registry import make_plan
from runner.engines.slurm.script import preview
from runner.plan import redaction
from runner.plan.masking import Mask
from runner.plan.plan import RUN_DIR
from runner.plan.repro_script import as_comment, as_shell, file_as_shell, files_read
from runner.profile import store
from runner.profile.json_schema import json_schema
from runner.profile.set_fields import with_changes
from runner.profile.yaml_file import ProfileError, parse_yaml, read_text
from runner.run.job import SCRIPT
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode
from runner.util.formatting import command


def list_all(_: argparse.Namespace) -> int:
    """Print all profiles, the user's first."""
    profiles = store.list_profiles()
    width = max((len(stored.name) for stored in profiles), default=0)
    for stored in profiles:
        try:
            description = stored.load().description
        except UserError:
            description = f"not valid: see {command('profiles', 'validate', stored.name)}"
        if stored.hidden_by:
            description += f" (hidden by {stored.hidden_by})"
        print(f"{stored.name:<{width}}  {stored.origin:<8}  {description}".rstrip())
    return ExitCode.OK


def show(arguments: argparse.Namespace) -> int:
    """Print the file of a profile and the commands of its run."""
    stored = store.find(arguments.profile)
    print(f"{as_comment(str(stored.path))}\n{_public_text(stored.path).rstrip()}\n")
    plan = redaction.redact_plan(make_plan(stored.load()))
    print(as_comment(f"{plan.summary}; the commands of a run ($RUN is its directory):"))
    files = dict(file for stage in plan.stages if not stage.skip for file in files_read(plan, stage))
    if script := preview(plan.job):
        print(as_comment("the job that is submitted with sbatch; it runs these commands on its nodes:"))
        print(file_as_shell(f"{RUN_DIR}/{SCRIPT}", script, for_display=True))
    for path, content in files.items():
        print(file_as_shell(path, content, for_display=True))
    for stage in plan.stages:
        if stage.skip:
            print(as_comment(f"{stage.name}: not run, {stage.skip}"))
        elif stage.again:
            print(as_comment(f"{stage.name}: made again, {stage.again}"))
        line = as_shell(stage, for_display=True)
        print(as_comment(line) if stage.skip else line)
    for note in plan.notes:
        print(as_comment(f"note: {note}"))
    return ExitCode.OK


def _public_text(path: Path) -> str:
    """Return the text of a profile without the values of secrets, also of a profile that is not valid."""
    text = read_text(path)
    try:
        data = parse_yaml(text, path.name)[0]
    except ProfileError:
        return text
    return Mask.of(redaction.values_in_profile(data)).apply_text(text)


def validate(arguments: argparse.Namespace) -> int:
    """Check profiles and print every problem."""
    names: list[str] = arguments.profiles
    stored = [store.find(name) for name in names] if names else store.list_profiles()
    bad = 0
    for profile in stored:
        try:
            profile.load()
            print(f"{profile.path}: ok")
        except UserError as error:
            bad += 1
            print(error, file=sys.stderr)
    return ExitCode.BAD_INPUT if bad else ExitCode.OK


def print_schema(_: argparse.Namespace) -> int:
    """Print the JSON Schema of profiles."""
    print(json.dumps(json_schema(), indent=2))
    return ExitCode.OK


def copy(arguments: argparse.Namespace) -> int:
    """Copy a profile under a new name into the user's directory."""
    profile = store.find(arguments.profile).load()
    renamed = with_changes(profile, [f"name={arguments.name}"], source="NEW_NAME")
    path: Path = store.save_as(renamed)
    print(path)
    return ExitCode.OK


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": list_all,
    "show": show,
    "validate": validate,
    "copy": copy,
    "schema": print_schema,
}
