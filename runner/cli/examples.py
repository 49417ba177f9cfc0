"""An example for the help of each command and sub-command."""

from __future__ import annotations

import argparse

from runner.cli.options import CommandParser, SubCommands

EXAMPLES = {
    "run": "run quickstart --set benchmark.num_runs=20 --name first -q",
    "attach": "attach last --headless",
    "logs": "logs -f",
    "wait": "wait last && trtbench-tui show",
    "stop": "stop --all",
    "show": "show 7f3a --json",
    "replay": "replay last --speed 10",
    "ls": "ls --filter 'qwen status:failed since:7d' -n 20",
    "trend": "trend quickstart",
    "tag": "tag last +good -draft",
    "note": "note last 'new driver'",
    "rename": "rename last before-the-update",
    "rm": "rm 7f3a 91c2",
    "trash": "trash restore last",
    "sweep": "sweep quickstart --axis benchmark.batch_size=1,4,16 -n 3",
    "ab": "ab before after -n 5",
    "tune": "tune torch-1gpu --objective tokens_per_sec --subject-to 'latency_ms.p95 < 2000' --trials 40",
    "sweeps": "sweeps show last",
    "compare": "compare 7f3a,19bc last -o comparison.html",
    "baseline": "baseline set last",
    "export": "export last --format csv",
    "archive": "archive last -o run.zip",
    "import": "import run.zip",
    "verify": "verify last",
    "metrics": "metrics latency_ms",
    "published": "published --model Llama-3.1-8B --gpu H100",
    "profiles": "profiles copy quickstart mine",
    "doctor": "doctor quickstart",
    "gpus": "gpus --once",
    "serve": "serve",
    "completion": "completion bash",
    "completion bash": "completion bash >> ~/.bashrc",
    "completion zsh": "completion zsh >> ~/.zshrc",
    "completion fish": "completion fish | source",
    "baseline set": "baseline set 7f3a,19bc",
    "baseline show": "baseline show quickstart",
    "baseline clear": "baseline clear quickstart",
    "check": "check last --assert 'latency_ms.p50 < 60'",
    "profiles list": "profiles list",
    "profiles show": "profiles show quickstart",
    "profiles validate": "profiles validate mine.yaml",
    "profiles copy": "profiles copy quickstart mine",
    "profiles schema": "profiles schema > profile.schema.json",
    "sweeps ls": "sweeps ls --json",
    "sweeps show": "sweeps show last --metric latency_ms --per system",
    "sweeps stop": "sweeps stop last",
    "sweeps resume": "sweeps resume last --failed",
    "trash ls": "trash ls",
    "trash restore": "trash restore last",
    "trash empty": "trash empty --yes",
}
"""Command lines without the name of the program, by the words of the command."""


def add_examples(commands: SubCommands[argparse.ArgumentParser], words: str = "") -> None:
    """Give each command and, recursively, sub-command its example."""
    for name, command in commands.choices.items():
        path = f"{words} {name}".strip()
        assert isinstance(command, CommandParser)
        command.example = f"trtbench-tui {EXAMPLES[path]}"
        for action in command._actions:
            if isinstance(action, SubCommands):
                add_examples(action, path)
