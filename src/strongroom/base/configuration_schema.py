"""The configuration file as a JSON schema, for editors; from the same tables that check the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base import configuration, quantities

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT}
SHAPES: dict[object, dict[str, Any]] = {
    configuration.text: _TEXT,
    configuration.texts: {"anyOf": [_TEXT, _TEXTS]},
    configuration.truth: {"type": "boolean"},
    configuration.number: {"type": "integer", "minimum": 0, "maximum": quantities.LARGEST},
    configuration.at_once: {"type": "integer", "minimum": 0, "maximum": quantities.MOST_AT_ONCE},
    configuration.size_text: {"type": "string", "pattern": quantities.SIZE_PATTERN},
    configuration.duration_text: {"type": "string", "pattern": quantities.DURATION_PATTERN},
    configuration.pack_size: {
        "type": "integer",
        "minimum": quantities.PACK_MEBIBYTES[0],
        "maximum": quantities.PACK_MEBIBYTES[-1],
    },
    configuration.compression: {"enum": list(quantities.COMPRESSION_MODES)},
    configuration.options: {"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}},
    configuration.password: {
        "type": "object",
        "properties": {"command": {"anyOf": [_TEXT, _TEXTS]}, "file": _TEXT, "env": _TEXT},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    },
}
"""What each check of a value takes."""


def schema() -> dict[str, Any]:
    """The schema, of JSON Schema's 2020 edition."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Strongroom's configuration",
        "type": "object",
        "required": ["version"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": configuration.VERSION, "description": "the format of this file"},
            "defaults": _table(configuration.DEFAULT_KEYS, "what holds for all repositories that do not say otherwise"),
            "repository": _tables(configuration.REPOSITORY_KEYS, "a repository, by a name of your choice", "url"),
            "source": _tables(configuration.SOURCE_KEYS, "what becomes one snapshot in each repository", "paths"),
        },
    }


def _tables(keys: Mapping[str, configuration.Key], description: str, required: str) -> dict[str, Any]:
    table = _table(keys, description) | {"required": [required]}
    names = {"pattern": configuration.NAME.pattern.replace(r"\Z", "$").join(("^", ""))}
    return {"type": "object", "propertyNames": names, "additionalProperties": table}


def _table(keys: Mapping[str, configuration.Key], description: str) -> dict[str, Any]:
    properties = {name: SHAPES[key.check] | {"description": key.help} for name, key in keys.items()}
    return {"type": "object", "description": description, "properties": properties, "additionalProperties": False}
