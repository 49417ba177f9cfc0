"""The reference of the event log is complete and up to date."""

from __future__ import annotations

import re
from typing import get_args

from msgspec.structs import fields

from runner.events import AnyEvent, Iteration, decode_lines, reference
from tests.support.paths import ROOT


def test_page_in_docs_is_current() -> None:
    page = (ROOT / "docs" / "event-log.md").read_text("utf-8")
    assert page == reference.as_markdown(), "run: python -m runner.events.reference > docs/event-log.md"


def test_every_event_and_field_is_in_the_reference() -> None:
    structs = [struct for module in reference.MODULES for struct in reference.read_module(module)[0]]
    described = {struct.kind: [field.name for field in struct.fields] for struct in structs if struct.kind}
    events = get_args(AnyEvent)
    assert described == {
        event.__struct_config__.tag: [field.name for field in fields(event) if field.name != "t"]
        for event in sorted(events, key=lambda event: list(described).index(event.__struct_config__.tag))
    }


def test_example_is_an_event() -> None:
    (example,) = re.findall(r"```json\n(.*)```", reference.INTRODUCTION, re.DOTALL)
    (event,) = decode_lines(example.encode())
    assert isinstance(event, Iteration)
