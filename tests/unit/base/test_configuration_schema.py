"""The JSON schema of the configuration file says what the checks say."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from typing import Any

import pytest

from strongroom.base.configuration import client
from strongroom.base.configuration.document import generated, parse
from strongroom.base.configuration.schema import schema
from strongroom.gateway.access import policy_form
from strongroom.gateway.settings import GatewaySettings

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "object": dict,
    "array": list,
    "number": (int, float),
}
_ODD: tuple[Any, ...] = (
    "",
    "text",
    "5m",
    "1h30m",
    "500M",
    "5%",
    "2.5%",
    "100%",
    "unlimited",
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


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
    return type(value) in kind if isinstance(kind, tuple) else type(value) is kind


def _fits(value: Any, shape: dict[str, Any]) -> bool:
    """Whether a value fits the few kinds of schemas that ours is made of."""
    if "anyOf" in shape:
        return any(_fits(value, one) for one in shape["anyOf"])
    kinds = [shape.get("type", "string")] if isinstance(shape.get("type", ""), str) else shape["type"]
    if not any(_is(value, _TYPES[kind]) for kind in kinds):
        return False
    if isinstance(value, dict):
        known, others = shape.get("properties", {}), shape["additionalProperties"]
        return shape.get("minProperties", 0) <= len(value) <= shape.get("maxProperties", 99) and all(
            _fits(one, known[name]) if name in known else bool(others) and _fits(one, others)
            for name, one in value.items()
        )
    if isinstance(value, list):
        return len(value) >= shape.get("minItems", 0) and all(_fits(one, shape["items"]) for one in value)
    if isinstance(value, str):
        fitting = re.search(shape.get("pattern", ""), value) is not None
        return fitting and len(value) >= int(shape.get("minLength", 0)) and value in shape.get("enum", [value])
    return isinstance(value, bool) or int(shape.get("minimum", value)) <= value <= int(shape.get("maximum", value))


FORMS = {"client": client.FORM, "gateway": policy_form.FORM}
TABLES = [(form, place) for form, one in FORMS.items() for place in one.tables]


@pytest.mark.parametrize(("form", "place"), TABLES)
def test_schema_and_checks_agree(form: str, place: str) -> None:
    """Every key is there; its example and odd values fit the schema exactly if the check of the file takes them."""
    table = FORMS[form].tables[place]
    shape = schema(FORMS[form])["properties"][place]
    shape = shape.get("items", shape) if table.names is None else shape["additionalProperties"]
    assert list(shape["properties"]) == [*table.keys, *table.inside]
    for name, key in table.keys.items():
        for value in (tomllib.loads(f"x = {key.example}")["x"], *_ODD):
            try:
                key.check(value)
                taken = True
            except ValueError:
                taken = False
            if name not in ("addresses", "token_sha256"):  # what a network is no pattern says; examples are no hashes
                assert _fits(value, shape["properties"][name]) == taken, (name, value)


@pytest.mark.parametrize("form", FORMS)
def test_a_generated_file_is_valid(form: str) -> None:
    """What is printed to begin with is taken as it is, and so is the example of each of its keys."""
    parse(FORMS[form], "\n".join(generated(FORMS[form])), "F")
    for table in FORMS[form].tables.values():
        for key in table.keys.values():
            key.check(tomllib.loads(f"x = {key.example}".replace("<64 hexadecimal digits>", "ab" * 32))["x"])


def test_each_setting_of_the_gateway_is_in_the_form() -> None:
    """The table [server] has what `gateway serve` can be told, but for the file itself and what no user sets."""
    own = {one.name for one in dataclasses.fields(GatewaySettings)} - {"config", "limits"}
    assert set(policy_form.SERVER_KEYS) == own
