"""The measured processes have an environment of their own, without trtbench-tui."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import standins
from tests.integration.trtllm import support
from tests.runner.ranks.support import needs_mpi

OURS = ("runner", "tui", "profiles", "msgspec", "yaml", "textual", "rich", "argcomplete", "pynvml")

# Every Python of the environment leaves the names of its modules when it ends.
LEAVE_MODULES = """\
import atexit, os, sys
def leave():
    with open(os.path.join(os.environ["MODULES"], str(os.getpid())), "w") as file:
        file.write(" ".join([os.path.basename(sys.argv[0]), *sys.modules]))
if "MODULES" in os.environ:
    atexit.register(leave)
"""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The interpreter of a fresh environment: with only the stand-ins for torch and TensorRT-LLM."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folder = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/python3*/site-packages")
    # Not sitecustomize: Debian's Python has one of its own, which comes first.
    (packages / "leave_modules.py").write_text(LEAVE_MODULES)
    lines = (f"{standins.ROOT}/site", f"{standins.ROOT}/cpu/site", "import leave_modules")
    (packages / "standins.pth").write_text("\n".join(lines) + "\n")
    # As an installed console script is placed: next to its interpreter.
    script = (standins.ROOT / "bin" / "trtllm-build").read_text()
    program = folder / "bin" / "trtllm-build"
    program.write_text(script.replace("#!/usr/bin/env python3", f"#!{python}"))
    program.chmod(0o755)
    return python


@needs_mpi
@pytest.mark.mpi
def test_measuring_in_an_environment_without_trtbench(bare: Path, tmp_path: Path) -> None:
    absent = f"import importlib.util as u; print([n for n in {OURS} if u.find_spec(n)])"
    answer = subprocess.run([str(bare), "-c", absent], cwd="/", capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
    modules = tmp_path / "modules"
    modules.mkdir()
    smi = str(standins.ROOT / "cpu" / "bin")
    env = {"PATH": os.pathsep.join([smi, os.environ["PATH"]]), "MODULES": str(modules)}
    launch = {"python": str(bare), "mpirun": {"path": support.mpirun_path()}, "env": env}
    wanted = support.profile_of(support.settings(tmp_path) | {"launch": launch})

    run_dir, state = support.succeed(wanted)

    assert set(support.stages(state).values()) == {"ok"}
    (configuration,) = support.final(run_dir).configurations
    support.assert_table_is_what_was_printed(configuration)
    assert support.row(configuration, "latency_ms").n == 5

    left = [path.read_text().split() for path in modules.iterdir()]
    programs = {program for program, *_ in left}
    assert {"convert_checkpoint.py", "trtllm-build", "run.py", "benchmark.py"} <= programs
    for program, *loaded in left:
        own = sorted({name.partition(".")[0] for name in loaded} & set(OURS))
        assert own == [], f"{program} loaded {own}"
