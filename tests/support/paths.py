"""Where the tests find the repository and its recorded data."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository"""
TESTS = ROOT / "tests"
DATA = TESTS / "data"
"""Recorded runs, logs and result files"""
