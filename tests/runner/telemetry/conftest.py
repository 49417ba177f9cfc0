"""The stand-in library, compiled once a session, and GPUs that are read although no driver is there."""

from __future__ import annotations

import ctypes.util
from pathlib import Path

import pytest

from tests.standins import nvml


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the stand-in library."""
    if nvml.compiler() is None:
        pytest.skip("the stand-in for NVML needs a C compiler (cc)")
    return nvml.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="session")
def old_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a driver of 2021 has it."""
    if nvml.compiler() is None:
        pytest.skip("the stand-in for NVML needs a C compiler (cc)")
    return nvml.build(tmp_path_factory.mktemp("old-nvml"), old_driver=True)


@pytest.fixture(scope="session")
def without_driver() -> None:
    """For tests without any library: the loader finds that of a driver whatever LD_LIBRARY_PATH says."""
    if ctypes.util.find_library("nvidia-ml"):
        pytest.skip("this machine has an NVIDIA driver")


@pytest.fixture
def machine(library: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with two GPUs; `setenv` chooses a fault."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(library))
    monkeypatch.setenv("TRTBENCH_TELEMETRY", "always")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return monkeypatch
