"""A command to node agents that waits for answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from runner.supervision.nodes import messages as msg


@dataclass(slots=True)
class Question:
    """A command, and the answers of the nodes that were asked."""

    command: msg.Command
    missing: set[str]
    answers: dict[str, msg.Done] = field(default_factory=dict)
    again: float = 0.0
    """when it is repeated (monotonic, s)"""

    @property
    def problems(self) -> dict[str, str]:
        """Why a node could not do it."""
        return {node: answer.problem for node, answer in self.answers.items() if answer.problem}
