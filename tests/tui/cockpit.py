"""The app on one screen, and what its rows say, for tests."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from runner.cli.places import DashboardPlace
from tui.app import TrtbenchApp
from tui.framework.rows import Rows, row_text


class OneScreenApp(TrtbenchApp):
    """The app; it records navigation instead of opening home, runs and the previous screen."""

    def __init__(self, place: DashboardPlace) -> None:
        super().__init__(place)
        self.went: list[str] = []

    def open_home(self) -> None:
        self.went.append("home")

    def open_runs(self) -> None:
        self.went.append("runs")

    def back(self) -> None:
        self.went.append("back")


def text_of(screen: Screen[Any], name: str) -> str:
    return "\n".join(row_text(row) for row in screen.query_one(name, Rows)._rows)
