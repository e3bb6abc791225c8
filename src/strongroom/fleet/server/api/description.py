"""OpenAPI 3.1 of the API, made from its table of routes and the types of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.fleet.server.api.documents import ProblemDocument
from strongroom.fleet.server.api.reading import LIMIT, MOST_LIMIT
from strongroom.fleet.server.judging.states import WatchState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_REFERENCE = "#/components/schemas/{name}"
PARAMETERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "cursor": ("query", {"type": "string", "maxLength": 2000}, "Where the page before ended, as its `next` says."),
    "limit": (
        "query",
        {"type": "integer", "minimum": 1, "maximum": MOST_LIMIT, "default": LIMIT},
        "How many items a page has at most; of runs 50, of reports 20.",
    ),
    "state": ("query", {"type": "string", "enum": [one.value for one in WatchState]}, "Watches of this state alone."),
    "name": ("path", {"type": "string", "pattern": "^[a-z0-9][a-z0-9._~-]{0,80}$"}, "A host's name."),
}


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One path that is read. ``answer``: the type of what it answers; ``parameters``: names in ``PARAMETERS``."""

    path: str
    operation: str
    summary: str
    answer: type
    read: Callable[..., Any]
    parameters: tuple[str, ...] = ()


def describe(routes: Sequence[ApiRoute], version: str) -> dict[str, Any]:
    """The description as a document."""
    types = [*(one.answer for one in routes), ProblemDocument]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    answers = dict(zip([one.path for one in routes], schemas, strict=False))
    wrong = {"application/problem+json": {"schema": schemas[-1]}}
    paths = {}
    for one in routes:
        statuses = {"400": "A parameter makes no sense."} if one.parameters else {}
        statuses |= {"401": "No token, or one that does not count.", "429": "Too many requests; see Retry-After."}
        statuses |= {"404": "There is no such host."} if "name" in one.parameters else {}
        statuses |= {"503": "The database is away; see Retry-After."}
        problems: dict[str, Any] = {
            status: {"description": words, "content": wrong} for status, words in statuses.items()
        }
        paths[one.path] = {
            "get": {
                "operationId": one.operation,
                "summary": one.summary,
                "parameters": [_parameter(name) for name in one.parameters],
                "responses": problems
                | {
                    "200": {
                        "description": one.summary,
                        "headers": {"ETag": {"schema": {"type": "string"}, "description": "For If-None-Match."}},
                        "content": {"application/json": {"schema": answers[one.path]}},
                    },
                    "304": {"description": "As it was when this ETag was given."},
                },
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Strongroom fleet",
            "version": version,
            "description": "What the fleet's server knows. Everything is read-only; times are seconds since 1970.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "strongroom fleet tokens"}
            },
        },
    }


def _parameter(name: str) -> dict[str, Any]:
    where, schema, words = PARAMETERS[name]
    return {"name": name, "in": where, "required": where == "path", "schema": schema, "description": words}
