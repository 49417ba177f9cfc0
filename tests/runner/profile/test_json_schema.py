"""The JSON Schema of profile files."""

from __future__ import annotations

from runner.engines.registry import engines
from runner.profile.json_schema import json_schema


def test_the_schema_describes_every_engine() -> None:
    schema = json_schema()
    kinds = schema["$defs"]
    assert {engine.profile.__name__ for engine in engines().values()} <= set(kinds)
    torch = kinds["TorchProfile"]
    assert torch["properties"]["engine"] == {"enum": ["torch"]}
    assert set(torch["required"]) == {"engine", "name", "model"}
    assert torch["additionalProperties"] is False


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    schema = json_schema()

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values())) if node else own
        if isinstance(node, list):
            return set().union(*(references(item) for item in node)) if node else set()
        return set()

    assert references(schema) == {f"#/$defs/{name}" for name in schema["$defs"]}


def test_every_field_says_what_it_is_for() -> None:
    for name, definition in json_schema()["$defs"].items():
        for key, field in definition.get("properties", {}).items():
            if key != "engine" and "$ref" not in str(field):
                assert field.get("description"), f"{name}.{key}"
