"""A file of configuration as a JSON schema, for editors; from the same tables that check the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base import quantities
from strongroom.base.configuration import checks
from strongroom.base.configuration.document import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.base.configuration.document import Form, Key, Table

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": quantities.LARGEST}
_SIZE = {"type": "string", "pattern": quantities.SIZE_PATTERN}
_DURATION = {"type": "string", "pattern": quantities.DURATION_PATTERN}
SHAPES: dict[object, Mapping[str, Any]] = {
    checks.text: _TEXT,
    checks.texts: {"anyOf": [_TEXT, _TEXTS]},
    checks.truth: {"type": "boolean"},
    checks.number: _NUMBER,
    checks.price: {"type": "number", "minimum": 0},
    checks.at_once: {"type": "integer", "minimum": 0, "maximum": quantities.MOST_AT_ONCE},
    checks.size_text: _SIZE,
    checks.unused_text: {
        "anyOf": [_SIZE, {"type": "string", "pattern": quantities.SHARE_PATTERN}, {"enum": ["unlimited"]}]
    },
    checks.size_value: {"anyOf": [_NUMBER, _SIZE]},
    checks.duration_text: _DURATION,
    checks.span_text: {"type": "string", "pattern": quantities.SPAN_PATTERN},
    checks.keep_count: {"anyOf": [_NUMBER, {"enum": ["unlimited"]}]},
    checks.seconds: {"anyOf": [{"type": "number", "minimum": 0}, _DURATION]},
    checks.pack_size: {
        "type": "integer",
        "minimum": quantities.PACK_MEBIBYTES[0],
        "maximum": quantities.PACK_MEBIBYTES[-1],
    },
    checks.compression: {"enum": list(quantities.COMPRESSION_MODES)},
    checks.options: {"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}},
    checks.password: {
        "type": "object",
        "properties": {"command": {"anyOf": [_TEXT, _TEXTS]}, "file": _TEXT, "env": _TEXT},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    },
}
"""What each check of a value takes."""


def schema(form: Form) -> dict[str, Any]:
    """The schema, of JSON Schema's 2020 edition."""
    properties = {place: _of_table(table) for place, table in form.tables.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": form.title,
        "type": "object",
        "required": ["version"],
        "additionalProperties": False,
        "properties": {"version": {"const": VERSION, "description": "the format of this file"}, **properties},
    }


def _of_table(table: Table) -> dict[str, Any]:
    one = {
        "type": "object",
        "description": table.help,
        "properties": {
            **{name: {**shape(key), "description": key.help} for name, key in table.keys.items()},
            **{name: _of_table(inner) for name, inner in table.inside.items()},
        },
        "additionalProperties": False,
    }
    if required := [name for name, key in table.keys.items() if key.required]:
        one["required"] = required
    if table.listed:
        return {"type": "array", "items": one}
    if table.names is None:
        return one
    names = {"pattern": "^" + table.names.pattern.pattern.replace(r"\Z", "$")}
    return {"type": "object", "propertyNames": names, "additionalProperties": one}


def shape(key: Key) -> Mapping[str, Any]:
    """The schema of one value."""
    return SHAPES[key.check] if key.shape is None else key.shape
