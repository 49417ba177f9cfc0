"""Text of an attacker, a run in which every text is that, and what must not leave this program."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from runner import events as ev
from runner.util import paths
from tests.support.recorder import Recorder

TEXT = (
    "=x\x1b[2J\x1b]0;title\x07\x1b]52;c;aGk=\x1b\\\x9b31m\x85\r\b\x00\x07\x7f"
    "\u202ea\u2066b\u200e\u061c\u200b\u3164\ufe0f\U000e0041\ufeff\u2028"
    "[/][@click=app.quit]a[link=[rank=0|<b>&`@user`#1 http://x "
)
HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
"""written down once more, so that a gap in the definition of the program is found"""


def recorder(profile: str = TEXT) -> Recorder:
    """A failed run on a GPU with this text in every field that is text."""
    run = Recorder(profile=profile, summary=TEXT, log=TEXT + "\n")
    run.begin()
    run.events = [_hostile(event) for event in run.events]
    run.add(ev.Queued(t=0, device=TEXT, holder=TEXT))
    run.begin_gpus(1)
    run.events = [_hostile(event) for event in run.events]
    run.begin_stage()
    run.add(ev.Hello(t=0, stage=0, rank=0, world=1, pid=1, host=TEXT, device="cuda:0", label=TEXT))
    run.add(ev.Notice(t=0, level="warning", text=TEXT))
    run.add(ev.Telemetry(t=0, state="stale", text=TEXT))
    run.add(ev.GpuProblem(t=0, gpu="GPU-0", what="xid", text=TEXT, code=79))
    run.begin_configuration()
    run.ranks = 1
    run.iterate(5)
    run.result()
    values = {"batch_size": "4", "input_length": "64", "output_length": "24", "latency(ms)": TEXT}
    run.add(ev.Result(t=0, stage=0, values={**values, "tokens_per_sec": TEXT, TEXT: TEXT}))
    run.add(ev.Answer(t=0, stage=0, prompt=TEXT, answer=TEXT))
    run.add(ev.Stopping(t=0, by=TEXT))
    run.end_stage(status="failed", code=1)
    run.add(ev.Failure(t=0, cause=TEXT, remedy=TEXT, log="0-benchmark.log"))
    run.end("failed")
    return run


def _hostile(event: ev.AnyEvent) -> ev.AnyEvent:
    if isinstance(event, ev.RunStarted):
        return msgspec.structs.replace(event, host=TEXT, version=TEXT)
    if isinstance(event, ev.GpuInventory):
        gpus = [msgspec.structs.replace(gpu, name=TEXT, pci=TEXT) for gpu in event.gpus]
        return msgspec.structs.replace(event, driver=TEXT, nvml=TEXT, cuda=TEXT, gpus=gpus)
    return event


def write_runs() -> tuple[Path, Path]:
    """Two such runs in the history, with this text as name, note and tag."""
    names = ("20260101T000000Z_p_7f3a", "20260101T000100Z_p_19bc")
    first, second = (recorder().write(paths.runs_dir(), name) for name in names)
    label = {"run": names[0], "name": TEXT, "note": TEXT, "add": [TEXT], "remove": []}
    paths.labels_file().write_bytes(msgspec.json.encode(label) + b"\n")
    return first, second
