"""``custody audit``: try what must not work."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.configuration.variables import read_variables
from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import add_repository, add_state, chosen, open_state
from strongroom.cli.output.table import table

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.audit.terms import CredentialHolder, Tried

_DESCRIPTION = """\
Try what must not work, with each credential that is given, and say which rows of the threat model held. Nothing that is
there is changed: what is deleted does not exist, what is uploaded is not what it promises, and the config is written
over with its own bytes. Run it after each change of rights.

A credential is a file of NAME=VALUE lines, as a host's environment has them: STRONGROOM_REST_USERNAME and
STRONGROOM_REST_PASSWORD, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. It may name the place as that host sees it, in
STRONGROOM_REPOSITORY; without that the custodian's own place is tried. Without any file this process's own environment
is tried as the reader's.

  strongroom custody audit web01 --host web01.env --reader reader.env --executor executor.env
"""


def arguments_audit(parser: argparse.ArgumentParser) -> None:
    """Whose credentials."""
    parser.description = _DESCRIPTION
    add_repository(parser)
    for name, what in (("host", "a host's"), ("reader", "the judge's"), ("executor", "the executor's")):
        parser.add_argument(f"--{name}", metavar="FILE", help=f"{what} environment")
    add_state(parser)


def run_audit(context: Context) -> int:
    """Try, and print the rows; 75 when one was not held."""
    from strongroom.custody.audit.terms import AuditState, CredentialHolder
    from strongroom.custody.audit.untried import UNTRIED

    arguments = context.arguments
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
    given = {
        holder: _environment(file)
        for holder in (CredentialHolder.HOST, CredentialHolder.READER, CredentialHolder.EXECUTOR)
        if (file := getattr(arguments, holder.value)) is not None
    }
    sets = given or {CredentialHolder.READER: dict(os.environ)}
    rows: list[Tried] = []
    for holder, environment in sets.items():
        rows += _tried(adopted.store, holder, environment)
    rows += _tried(adopted.store, CredentialHolder.STRANGER, {})
    bad = [row for row in rows if row.held is AuditState.NO]
    if context.json:
        context.out.json(
            [
                {
                    "repository": adopted.name,
                    "credential": row.holder.value,
                    "threats": row.threats,
                    "what": row.what,
                    "state": row.held.value,
                    "answer": row.answer,
                }
                for row in rows
            ]
            + [
                {
                    "repository": adopted.name,
                    "credential": None,
                    "threats": threats,
                    "what": words,
                    "state": AuditState.UNTRIED.value,
                    "answer": "",
                }
                for threats, words in UNTRIED.items()
            ]
        )
    else:
        lines = [[row.threats, row.holder.value, row.what, row.held.value, row.answer] for row in rows]
        for line in table(("Threat", "Credential", "Attempt", "State", "Answer"), lines):
            context.out.line(line)
        context.out.line()
        for threats, words in UNTRIED.items():
            context.out.line(f"{threats} ({AuditState.UNTRIED.value}): {words}")
        context.out.line()
        context.out.line(
            f"{len(bad)} of {len(rows)} were not held: take those rights away, then run this again"
            if bad
            else "all that was tried was held"
        )
    return exit_codes.PROMISE_OF_CUSTODY_BROKEN if bad else exit_codes.OK


def _tried(place: str, holder: CredentialHolder, environment: dict[str, str]) -> list[Tried]:
    from strongroom.custody.audit.terms import CredentialHolder as Known
    from strongroom.custody.audit.tries import audit_store
    from strongroom.storage.locate import open_store
    from strongroom.storage.options import StoreOptions

    url = environment.get("STRONGROOM_REPOSITORY") or environment.get("RESTIC_REPOSITORY") or place
    nobody = holder is Known.STRANGER
    extended = {"s3.unsafe-anonymous-auth": "true"} if nobody else {}
    options = StoreOptions(environment={} if nobody else environment, extended=extended, retry_for=0)
    with open_store(url, options) as store:
        return audit_store(store, holder)


def _environment(path: str) -> dict[str, str]:
    """The variables of a file. Raises ``UsageError`` where it holds none, ``ConfigurationError``."""
    found = read_variables(path, private=False)
    if not found:
        raise UsageError("holds no NAME=VALUE line", subject=path)
    return found
