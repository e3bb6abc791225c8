"""Holding what ``custody … --json`` writes against its schema, member by member."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[3] / "docs" / "reference" / "custody.schema.json"
VERBS: dict[str, Any] = json.loads(FILE.read_text())["$defs"]
_TYPES: dict[str, Any] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None), "array": list,
    "object": dict,
}  # fmt: skip
_KNOWN = {"type", "pattern", "anyOf", "items", "enum", "required", "properties", "const", "additionalProperties"}


def check_output(words: list[str], text: str) -> None:
    """Raise ``AssertionError`` unless each line is one of the values that the schema has for this verb."""
    found = " ".join(words[:2])
    verb = found if found in VERBS else words[0]
    actions = [one for one in words if f"{words[0]} {one}" in VERBS]
    verb = f"{words[0]} {actions[0]}" if actions else verb
    for line in text.splitlines():
        one = json.loads(line)
        if isinstance(one, dict) and one.get("message_type") in ("exit_error", "error", "status"):
            continue
        faults = differences(VERBS[verb], one, verb)
        assert not faults, faults


def differences(schema: dict[str, Any], value: Any, where: str) -> list[str]:
    """Where a value is not what the schema says. Only what the custodian's schema uses is known; else ``ValueError``.

    A member that the schema does not name is a difference here, so that none is forgotten in it.
    """
    if unknown := schema.keys() - _KNOWN:
        raise ValueError(f"{where}: {unknown}")
    if "anyOf" in schema:
        tried = [differences(one, value, where) for one in schema["anyOf"]]
        return [] if [] in tried else tried[0]
    if "const" in schema or "enum" in schema:
        return [] if value in schema.get("enum", [schema.get("const")]) else [f"{where}: {value!r}"]
    wanted = schema["type"]
    if not isinstance(value, _TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean"):
        return [f"{where}: {value!r} is no {wanted}"]
    if not re.search(schema.get("pattern", ""), value if wanted == "string" else ""):
        return [f"{where}: {value!r} is not {schema['pattern']}"]
    if wanted == "array":
        return [fault for one in value for fault in differences(schema["items"], one, f"{where}[]")]
    return _members(schema, value, where) if wanted == "object" else []


def _members(schema: dict[str, Any], value: dict[str, Any], where: str) -> list[str]:
    named, other = schema.get("properties", {}), schema.get("additionalProperties")
    lacks = [f"{where}: no {name}" for name in schema.get("required", ()) if name not in value]
    more = [f"{where}: {name} is in no schema" for name in value if name not in named and other is None]
    parts = {name: named.get(name, other) for name in value}
    return (
        lacks
        + more
        + [
            fault
            for name, part in parts.items()
            if isinstance(part, dict)
            for fault in differences(part, value[name], f"{where}.{name}")
        ]
    )
