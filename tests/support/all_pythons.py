"""Run the tests on every supported Python that is found, and with the lowest allowed versions.

`python -m tests.support.all_pythons [PYTEST ARGUMENT ...]`; `make test-all` calls it. Each Python gets a
virtual environment in `.venvs/` with the light development install, without torch. Tests that start ranks
under mpirun are left out. Snapshot tests are left out where the packages that draw differ from those in
`.venv`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.lowest import lowest_versions
from tests.support.paths import ROOT

SUPPORTED = ("3.10", "3.11", "3.12", "3.13")
VENVS = ROOT / ".venvs"
LOWEST = "lowest"
DRAWING = ("textual", "rich", "pygments")
"""Packages whose versions decide how a screen looks."""
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
_VERSIONS = f"from importlib.metadata import version; print(*[version(name) for name in {DRAWING}], sep=' ')"


@dataclass(frozen=True)
class Environment:
    """A virtual environment to test in."""

    name: str
    python: Path
    """the interpreter that it is made of"""
    constraints: Path

    @property
    def bin(self) -> Path:
        return VENVS / self.name / "bin"


def find_pythons() -> dict[str, Path]:
    """Return the supported versions that are installed, each with an interpreter."""
    found: dict[str, Path] = {}
    for version in SUPPORTED:
        for path in _candidates(version):
            if _output(str(path), "-c", _VERSION) == version:
                found[version] = path
                break
    return found


def _candidates(version: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        path = Path(folder) / f"python{version}"
        if os.access(path, os.X_OK):
            yield path
    yield from sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))


def _output(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def install(environment: Environment) -> bool:
    """Create the environment if needed, and install the project with its development tools into it."""
    python = environment.bin / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    steps = (
        [] if python.exists() else [[str(environment.python), "-m", "venv", str(VENVS / environment.name)]]
    )
    steps += [[*pip, "--upgrade", "pip"], [*pip, "-c", str(environment.constraints), "-e", ".[dev]"]]
    return all(subprocess.run(step, cwd=ROOT, check=False).returncode == 0 for step in steps)


def run_tests(environment: Environment, arguments: Sequence[str]) -> bool:
    """Run the tests in an installed environment."""
    python = str(environment.bin / "python")
    left_out = ["-m", "not mpi"]
    if _output(python, "-c", _VERSIONS) != _output(sys.executable, "-c", _VERSIONS):
        print(f"{environment.name}: other versions of {', '.join(DRAWING)}: no snapshot tests", flush=True)
        left_out += ["-p", "tests.support.no_snapshots"]
    command = [python, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", *left_out, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main(arguments: list[str]) -> int:
    """Test everywhere, print a summary, and return the exit code."""
    pythons = find_pythons()
    print(f"found: {', '.join(f'{version} ({path})' for version, path in pythons.items()) or 'no Python'}")
    missing = [version for version in SUPPORTED if version not in pythons]
    if missing:
        print(f"not found, so not tested: {', '.join(missing)}", flush=True)
    VENVS.mkdir(exist_ok=True)
    lowest = VENVS / "lowest.txt"
    lowest.write_text("\n".join(lowest_versions()) + "\n")
    environments = [Environment(name, path, ROOT / "constraints.txt") for name, path in pythons.items()]
    if pythons:
        # The oldest Python has wheels of the oldest versions.
        environments.append(Environment(LOWEST, next(iter(pythons.values())), lowest))
    results = {}
    for environment in environments:
        print(f"--- {environment.name}", flush=True)
        if not install(environment):
            results[environment.name] = "cannot be installed"
        else:
            results[environment.name] = "passed" if run_tests(environment, arguments) else "FAILED"
    print("tests that need mpirun or torch are left out; `make test` runs them")
    for name, result in results.items():
        print(f"{name}: {result}")
    return 0 if results and set(results.values()) == {"passed"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
