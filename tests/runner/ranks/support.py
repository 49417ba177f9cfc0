"""Starting real ranks in tests, and the shapes they are given."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT

PROGRAM = ROOT / "runner" / "ranks" / "torch_benchmark.py"

TINY: dict[str, Any] = {
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 101,
    "head_dim": 16,
}
"""A shape that splits over 1, 2 and 4 ranks, its vocabulary unevenly, its key/value heads by copies at 4."""

_MPIRUN = shutil.which("mpirun", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))


def _missing() -> str:
    absent = [name for name in ("torch", "mpi4py") if importlib.util.find_spec(name) is None]
    return ", ".join(absent if _MPIRUN else [*absent, "mpirun"])


needs_mpi = pytest.mark.skipif(bool(_missing()), reason=f"not installed: {_missing()}")


@contextmanager
def torch_or_skip() -> Iterator[None]:
    """Around the imports of a test module: skips it where PyTorch is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        pytest.skip("not installed: torch", allow_module_level=True)


def mpirun(ranks: int, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs `python words...` as that many ranks; `env` is added to the environment."""
    assert _MPIRUN is not None
    launcher = [_MPIRUN, "-n", str(ranks)]
    version = subprocess.run([_MPIRUN, "--version"], capture_output=True, text=True, check=True).stdout
    if "Open MPI" in version:
        launcher += ["--oversubscribe", "--bind-to", "none"]
    return _run([*launcher, sys.executable, *words], env)


def python(*words: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs `python words...` without a launcher."""
    return _run([sys.executable, *words], env, cwd)


def _run(argv: list[str], env: dict[str, str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    # Ranks that abort leave their shared memory behind: here it goes with the test's folder.
    root["OMPI_MCA_btl_sm_backing_directory"] = tempfile.gettempdir()
    return subprocess.run(
        argv,
        env=os.environ | root | {"OMP_NUM_THREADS": "1"} | env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def write_shape(folder: Path, **changes: Any) -> Path:
    """An engine directory `folder` with the tiny shape in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(TINY | changes))
    return folder


def read_records(folder: Path, rank: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{rank}.jsonl").read_text().splitlines()]
