"""Finding the installation that stages use: interpreter, programs and version."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runner.engines.tensorrt_llm.installation import version_of_tree
from runner.engines.trtllm.installation import TrtllmInstallation, find_installation
from runner.engines.trtllm.profile import TrtllmProfile
from runner.profile.set_fields import with_changes
from runner.profile.store import find
from tests import standins


def site(*changes: str) -> TrtllmInstallation:
    profile = with_changes(find("qwen2.5-7b-fp16-tp1").load(), changes)
    assert isinstance(profile, TrtllmProfile)
    return find_installation(profile)


def test_the_version_is_read_from_the_measured_interpreter() -> None:
    """The package itself prints a banner when it is imported; nothing of it is."""
    found = site(f"launch.env.PYTHONPATH={standins.ROOT}/site", f"launch.python={sys.executable}")
    assert str(found.version) == "0.16.0"


def test_else_from_the_source_tree(tmp_path: Path) -> None:
    (tmp_path / "tensorrt_llm").mkdir()
    (tmp_path / "tensorrt_llm" / "version.py").write_text('# (c)\n__version__ = "0.17.0"\n')
    assert str(site(f"paths.tensorrt_llm={tmp_path}").version) == "0.17.0"
    assert version_of_tree(b"nothing of that kind") == ""


def test_trtllm_build_belongs_to_the_interpreter(tmp_path: Path) -> None:
    for name in ("python3", "trtllm-build"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    found = site(f"launch.python={tmp_path}/python3")
    assert (found.python, found.trtllm_build) == (f"{tmp_path}/python3", f"{tmp_path}/trtllm-build")


def test_else_it_is_the_one_on_path() -> None:
    path = standins.environment()["PATH"]
    assert site(f"launch.env.PATH={path}").trtllm_build == str(standins.ROOT / "bin" / "trtllm-build")


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("nothing_installed")
def test_without_installation_programs_are_names() -> None:
    found = site("launch.python=/nowhere/python3")
    assert (found.mpirun.path, found.trtllm_build, found.version) == ("mpirun", "trtllm-build", None)


@pytest.mark.usefixtures("nothing_installed")
def test_in_a_container_names_are_those_inside() -> None:
    found = site("launch.container.run=tensorrt_v016")
    assert (found.python, found.mpirun.path, found.trtllm_build) == ("python3", "mpirun", "trtllm-build")
