"""An engine in a package of its own, found by its entry point, works from the profile to the table."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from runner.engines import interface
from runner.run import layout
from tests.support.paths import ROOT, TESTS
from tests.support.patience import PATIENCE_S

PLUGIN = TESTS / "support" / "toy_plugin"
BROKEN = "raise RuntimeError('no driver')"


def install(folder: Path, engine_source: str | None = None) -> None:
    """Write the toy package into a folder as pip would; with other source if given."""
    metadata = folder / "toy_engine-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-engine\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[trtbench.engines]\ntoy = toy_engine:ENGINE\n")
    for name in ("toy_engine.py", "toy_program.py"):
        shutil.copy(PLUGIN / name, folder)
    if engine_source is not None:
        (folder / "toy_engine.py").write_text(engine_source)


def trtbench(*args: str, cwd: Path, pythonpath: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a PYTHONPATH; the package itself is found by the interpreter, not by that path."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tui.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *args],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": pythonpath},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the toy package and a profile of it."""
    install(tmp_path / "site")
    (tmp_path / "mine.yaml").write_text("name: mine\nengine: toy\nbenchmark: {batch_size: [1, 2]}\n")
    return tmp_path / "site"


@pytest.mark.parametrize("relative", [False, True], ids=["absolute path", "relative path"])
def test_a_plugged_in_engine_runs_to_a_table(relative: bool, site: Path) -> None:
    """The supervisor, a process with another working directory, must find the engine, too."""
    path = "site" if relative else str(site)
    ran = trtbench("run", "mine.yaml", "--headless", cwd=site.parent, pythonpath=path)
    assert ran.returncode == 0, ran.stderr
    assert "mine · toy · a toy" in ran.stdout
    assert "tokens per second" in ran.stdout
    assert "4 000.00" in ran.stdout
    (run_dir,) = layout.list_runs()
    log = layout.stage_log(run_dir, 0, "benchmark").read_text()
    assert log.splitlines()[-1] == f"PYTHONPATH={path}", "measured processes get the user's path, not ours"


def test_the_example_of_the_interface_runs_without_a_gpu(tmp_path: Path) -> None:
    """The engine that `runner.engines.interface` shows, with `echo` as its benchmark."""
    page = interface.__doc__ or ""
    source = textwrap.dedent(page[page.index("    # toy_engine.py") : page.index("and an entry point")])
    line = "[BENCHMARK] batch_size 8 input_length 128 output_length 20 tokens_per_sec 4000.0 latency(ms) 40.0"
    install(tmp_path / "site", source.replace('"my-benchmark", ...', f'"echo", {line!r}'))
    (tmp_path / "mine.yaml").write_text("name: mine\nengine: toy\n")
    ran = trtbench("run", "mine.yaml", "--headless", cwd=tmp_path, pythonpath=str(tmp_path / "site"))
    assert ran.returncode == 0, ran.stderr
    assert "4 000.00" in ran.stdout


def test_profile_commands_and_doctor_know_the_engine(site: Path) -> None:
    def output(*args: str) -> str:
        return trtbench(*args, cwd=site.parent, pythonpath=str(site)).stdout

    assert output("profiles", "validate", "mine.yaml") == "mine.yaml: ok\n"
    assert '"ToyProfile"' in output("profiles", "schema")
    assert "PASS  toy" in output("doctor", "mine.yaml")


def test_problems_of_its_profiles_are_reported(site: Path) -> None:
    profile = site.parent / "mine.yaml"
    profile.write_text("name: mine\nengine: toy\nbenchmark: {batch_size: [65]}\n")
    said = trtbench("profiles", "validate", "mine.yaml", cwd=site.parent, pythonpath=str(site)).stderr
    assert "mine.yaml:3: benchmark.batch_size: is above 64, the limit of the toy" in said
    profile.write_text("name: mine\nengine: tyo\n")
    said = trtbench("profiles", "validate", "mine.yaml", cwd=site.parent, pythonpath=str(site)).stderr
    assert "allowed: torch, trtllm, trtllm-bench, toy (did you mean toy?)" in said


def test_a_broken_plug_in_is_one_sentence(tmp_path: Path) -> None:
    install(tmp_path / "site", BROKEN)
    (tmp_path / "mine.yaml").write_text("name: mine\nengine: toy\n")

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return trtbench(*args, cwd=tmp_path, pythonpath=str(tmp_path / "site"))

    reason = "the plug-in toy (toy_engine:ENGINE) cannot be loaded: RuntimeError: no driver"
    refused = run("profiles", "validate", "mine.yaml")
    assert refused.returncode == 2
    assert reason in refused.stderr
    assert "Traceback" not in refused.stderr
    assert run("profiles", "validate", "quickstart").returncode == 0
    assert f"WARN  plug-ins  {reason}" in run("doctor", "quickstart").stdout
