"""Find profiles: built-in ones, those in the user's folder, or a file by path."""

from __future__ import annotations

import difflib
import os
import stat
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from runner.profile.yaml_file import load_text, read_text, save
from runner.schema.base import Profile
from runner.util import paths
from runner.util.errors import UserError

Origin = Literal["built in", "mine"]


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile file; it is checked only when it is loaded."""

    name: str
    origin: Origin
    path: Path
    hidden_by: Path | None = None
    """a user's profile of the same name, which has precedence"""

    @property
    def trusted(self) -> bool:
        """Whether programs that the profile names may be started to look at it: see `is_trusted`."""
        return self.origin == "built in" or is_trusted(self.path)

    def load(self) -> Profile:
        """Load the profile.

        Raises:
            UserError: it cannot be read, or is invalid.
        """
        return load_file(self.path)


def load_file(path: Path) -> Profile:
    """Load a profile from a file; its `name` must be the name of the file, so that names are unique.

    Raises:
        UserError: it cannot be read, or is invalid.
    """
    profile = load_text(read_text(path), str(path))
    if profile.name != path.stem:
        raise UserError(
            f"{path}: name: the profile is named {profile.name!r}, its file {path.stem!r}; rename one of them"
        )
    return profile


def is_trusted(path: Path) -> bool:
    """Check that only this user, or root, can have written a file: it and its folders belong to them."""
    try:
        file = path.resolve(strict=True)
        folders = {path.parent.stat(), file.parent.stat()}
        found = [file.stat(), *(one for one in folders if not one.st_mode & stat.S_ISVTX)]
    except (OSError, RuntimeError):
        return False
    return all(one.st_uid in (0, os.geteuid()) and not one.st_mode & stat.S_IWOTH for one in found)


def list_profiles() -> list[StoredProfile]:
    """Return the user's profiles, then the built-in ones, both sorted by name."""
    mine = {path.stem: path for path in _yaml_files(paths.user_profiles_dir())}
    built_in = [
        StoredProfile(path.stem, "built in", path, hidden_by=mine.get(path.stem))
        for path in _yaml_files(_built_in_dir())
    ]
    return [StoredProfile(name, "mine", path) for name, path in sorted(mine.items())] + built_in


def find(name: str) -> StoredProfile:
    """Find a profile by name, or by the path of its file (anything with a slash or `.yaml`).

    Raises:
        UserError: there is no such profile.
    """
    if "/" in name or name.endswith((".yaml", ".yml")):
        path = Path(os.path.expanduser(name))
        if not os.path.isfile(path):  # also for a name that is too long for a file
            raise UserError(f"{name}: no such profile file")
        return StoredProfile(path.stem, "mine", path)
    stored = list_profiles()
    for profile in stored:
        if profile.name == name:
            return profile
    close = difflib.get_close_matches(name, [profile.name for profile in stored], n=1)
    suggestion = f" (did you mean {close[0]}?)" if close else ""
    raise UserError(
        f"there is no profile {name!r}{suggestion}", hint="`trtbench-tui profiles list` shows all profiles"
    )


def save_as(profile: Profile, *, replace: bool = False) -> Path:
    """Save a profile under its name in the user's folder.

    Raises:
        UserError: the name is taken, by a profile of the user (unless `replace`) or by a built-in one.
    """
    for stored in list_profiles():
        if stored.name != profile.name:
            continue
        if stored.origin == "built in":
            raise UserError(f"{profile.name} is a built-in profile; choose another name")
        if not replace:
            raise UserError(f"the profile {profile.name} already exists: {stored.path}")
    path = paths.user_profiles_dir() / f"{profile.name}.yaml"
    save(profile, path)
    return path


def _built_in_dir() -> Path:
    return Path(str(resources.files("profiles")))


def _yaml_files(directory: Path) -> list[Path]:
    try:
        found = [path for path in directory.iterdir() if path.suffix == ".yaml" and path.name[0] != "."]
    except OSError:
        return []
    return sorted(found, key=lambda path: path.stem)
