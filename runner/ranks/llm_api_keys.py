"""Print the keys that the LLM API of the installed TensorRT-LLM takes, as JSON, without importing it.

    {"TorchLlmArgs": {"print_iter_log": null, "kv_cache_config": ["dtype", ...], ...}, "TrtLlmArgs": ...}

The keys are read from the source of its classes of arguments. A list has the keys of a section; null: any
value. Standard library only, as it runs with the interpreter that TensorRT-LLM is installed for.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import json
from collections.abc import Iterator

CLASSES = ("TorchLlmArgs", "TrtLlmArgs", "LlmArgs")
SOURCES = ("llm_utils", "llm_args")
BARE = ("object", "ABC", "BaseModel", "Generic")
"""Base classes of other modules that add no keys."""
OPEN = ("Any", "Dict", "dict", "Mapping", "object")
"""Annotations of values whose keys are not those of a class."""
MERGING = "update_llm_args_with_extra_"
"""Functions that take keys out of the file before the classes see them."""

Classes = dict[str, ast.ClassDef]


def keys_in(source: str) -> dict[str, dict[str, list[str] | None]]:
    """Return the keys of each class of arguments in the source of TensorRT-LLM's LLM API."""
    tree = ast.parse(source)
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    bases = {base for node in classes.values() for base in map(_name, node.bases)}
    merged: dict[str, list[str] | None] = dict.fromkeys(_merged(tree))
    found: dict[str, dict[str, list[str] | None]] = {}
    for name in CLASSES:
        fields = _fields(name, classes) if name in classes else None
        if fields is not None:
            found[name] = merged | {key: _section(note, classes, bases) for key, note in fields}
    return found


def _fields(name: str, classes: Classes) -> list[tuple[str, ast.expr | None]] | None:
    """Return keys and annotations of a class and its bases; None when one of these is elsewhere."""
    node = classes.get(name)
    if node is None:
        return [] if name in BARE else None
    found: list[tuple[str, ast.expr | None]] = []
    for base in map(_name, node.bases):
        inherited = _fields(base, classes)
        if inherited is None:
            return None
        found += inherited
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            if not item.target.id.startswith("_") and "ClassVar" not in _names(item.annotation):
                found += [(key, item.annotation) for key in (item.target.id, *_aliases(item.value))]
        elif isinstance(item, ast.FunctionDef):
            setters = (d for d in item.decorator_list if isinstance(d, ast.Attribute) and d.attr == "setter")
            found += [(item.name, None) for _ in setters]
    return found


def _aliases(value: ast.expr | None) -> Iterator[str]:
    for keyword in value.keywords if isinstance(value, ast.Call) else ():
        if keyword.arg in ("alias", "validation_alias"):
            yield from _texts(keyword.value)


def _section(annotation: ast.expr | None, classes: Classes, bases: set[str]) -> list[str] | None:
    """Return the keys of the one class that a value has; None when its class is not certain."""
    names = _names(annotation) if annotation is not None else []
    known = [name for name in names if name in classes]
    if len(known) != 1 or known[0] in bases or any(name in OPEN for name in names):
        return None
    fields = _fields(known[0], classes)
    return sorted({key for key, _ in fields}) if fields else None


def _merged(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith(MERGING):
            yield from (text for text in _texts(node) if text.isidentifier())


def _texts(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def _names(node: ast.AST) -> list[str]:
    """Return the names in an annotation, also in one that is text."""
    found = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name | ast.Attribute):
            found.append(_name(inner))
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            with contextlib.suppress(SyntaxError):
                found += _names(ast.parse(inner.value, mode="eval"))
    return list(dict.fromkeys(found))


def _name(node: ast.expr) -> str:
    """Return the last name of an expression: `BaseModel` of `pydantic.BaseModel`."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def main() -> None:
    package = importlib.metadata.distribution("tensorrt_llm")
    texts = []
    for name in SOURCES:
        with (
            contextlib.suppress(OSError),
            open(str(package.locate_file(f"tensorrt_llm/llmapi/{name}.py")), encoding="utf-8") as file,
        ):
            texts.append(file.read())
    print(json.dumps(keys_in("\n".join(texts))))


if __name__ == "__main__":
    main()
