"""The JSON schema of the configuration file says what the checks say."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from strongroom.base import configuration
from strongroom.base.configuration_schema import schema

_TYPES: dict[str, type] = {"string": str, "boolean": bool, "integer": int, "object": dict, "array": list}
_ODD: tuple[Any, ...] = (
    "",
    "text",
    "5m",
    "1h30m",
    "500M",
    "1 GiB",
    3,
    7,
    129,
    -1,
    True,
    [],
    ["a"],
    [1],
    {},
    {"file": "/p"},
    {"file": "/p", "env": "E"},
    "max",
)


def _fits(value: Any, shape: dict[str, Any]) -> bool:
    """Whether a value fits the few kinds of schemas that ours is made of."""
    if "anyOf" in shape:
        return any(_fits(value, one) for one in shape["anyOf"])
    kinds = [shape.get("type", "string")] if isinstance(shape.get("type", ""), str) else shape["type"]
    if not any(type(value) is _TYPES[kind] for kind in kinds):
        return False
    if isinstance(value, dict):
        known, others = shape.get("properties", {}), shape["additionalProperties"]
        return shape.get("minProperties", 0) <= len(value) <= shape.get("maxProperties", 99) and all(
            _fits(one, known[name]) if name in known else bool(others) and _fits(one, others)
            for name, one in value.items()
        )
    if isinstance(value, list):
        return all(_fits(one, shape["items"]) for one in value)
    if isinstance(value, str):
        fitting = re.search(shape.get("pattern", ""), value) is not None
        return fitting and len(value) >= int(shape.get("minLength", 0)) and value in shape.get("enum", [value])
    return isinstance(value, bool) or int(shape.get("minimum", value)) <= value <= int(shape.get("maximum", value))


def _tables() -> dict[str, tuple[dict[str, Any], Any]]:
    parts = schema()["properties"]
    return {
        "defaults": (parts["defaults"], configuration.DEFAULT_KEYS),
        "repository": (parts["repository"]["additionalProperties"], configuration.REPOSITORY_KEYS),
        "source": (parts["source"]["additionalProperties"], configuration.SOURCE_KEYS),
    }


@pytest.mark.parametrize("table", ["defaults", "repository", "source"])
def test_schema_and_checks_agree(table: str) -> None:
    """Every key is there; its example and odd values fit the schema exactly if the check of the file takes them."""
    shape, keys = _tables()[table]
    assert list(shape["properties"]) == list(keys)
    for name, key in keys.items():
        for value in (tomllib.loads(f"x = {key.example}")["x"], *_ODD):
            try:
                key.check(value)
                taken = True
            except ValueError:
                taken = False
            assert _fits(value, shape["properties"][name]) == taken, (name, value)
