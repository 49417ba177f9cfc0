"""A start loads what it shows and nothing else."""

from __future__ import annotations

import subprocess
import sys

FORBIDDEN = {"torch", "scipy", "numpy", "mpi4py", "pynvml", "argcomplete", "multiprocessing"}
SCRIPT = """
import sys
from textual.app import App
textuals_own = {name for name in sys.modules if name.startswith("textual.widgets")}
import tui.app
print(*sorted({name.partition(".")[0] for name in sys.modules}))
print(*sorted({name for name in sys.modules if name.startswith("textual.widgets")} - textuals_own))
print(*sorted(name for name in sys.modules if name.startswith("tui.")))
"""


def test_importing_the_app_imports_no_heavy_module_and_no_screen() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    packages, widgets, ours = result.stdout.splitlines()
    assert not FORBIDDEN & set(packages.split())
    # textual.app itself brings a few of its widgets; we add none.
    assert widgets == ""
    screens = [name for name in ours.split() if name.startswith("tui.screens.")]
    assert screens == ["tui.screens.registry"]


def test_the_live_screen_needs_no_widget_of_textual() -> None:
    script = SCRIPT.replace(
        "import tui.app\n", "import tui.app, tui.screens.live.screen, tui.screens.result.screen\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    packages, widgets, _ = result.stdout.splitlines()
    assert not {"torch", "scipy", "numpy", "mpi4py", "pynvml"} & set(packages.split())
    assert widgets == ""


def test_the_live_screen_needs_no_report_and_no_history() -> None:
    script = (
        "import sys, tui.app, tui.screens.live.screen;"
        "print(*[name for name in sys.modules if name.startswith(('runner.report.', 'runner.history.'))])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    # To follow a run, the estimate of its end, and the type of the baseline's numbers belong to it.
    expected = [
        "runner.history.run_feed",
        "runner.report.baseline_numbers",
        "runner.report.eta",
    ]
    assert sorted(result.stdout.split()) == expected


def test_a_built_in_engine_needs_no_look_at_other_packages() -> None:
    script = (
        "import sys; from runner.profile.store import find; find('quickstart').load();"
        "print('importlib.metadata' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
