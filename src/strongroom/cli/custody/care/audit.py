"""``custody audit``: try what must not work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.configuration.variables import read_variables
from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import add_repository, add_state, chosen, open_state, store_for
from strongroom.cli.custody.two_machines.remote import executor_key
from strongroom.cli.output.table import table

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.audit.terms import CredentialHolder, Tried
    from strongroom.custody.state import Adopted

_DESCRIPTION = """\
Try what must not work, with each credential that is given, and say which rows of the threat model held. Nothing that is
there is changed: what is deleted does not exist, what is uploaded is not what it promises, and the config is written
over with its own bytes. Run it after each change of rights.

A credential is a file of NAME=VALUE lines, as a host's environment has them: STRONGROOM_REST_USERNAME and
STRONGROOM_REST_PASSWORD, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. It may name the place as that host sees it, in
STRONGROOM_REPOSITORY; without that the repository's gateway is tried, else the custodian's own place, never with the
credentials that stand in a URL. Without any file what this machine has is tried: as the reader's where custody.toml
names an executor elsewhere, or what it deletes would be final, else as the executor's.

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
    from strongroom.custody.evidence.pinning import pinned

    arguments = context.arguments
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        log = pinned(state, adopted.id)
    given = {
        holder: _environment(file)
        for holder in (CredentialHolder.HOST, CredentialHolder.READER, CredentialHolder.EXECUTOR)
        if (file := getattr(arguments, holder.value)) is not None
    }
    rows: list[Tried] = []
    seen_by_hosts = adopted.store if log is None else log.url
    for holder, environment in given.items():
        place = seen_by_hosts if holder is CredentialHolder.HOST else adopted.store
        rows += _tried(_named(environment) or _bare(place, holder), holder, environment)
    rows += [] if given else _own(context, adopted)
    rows += _tried(_bare(seen_by_hosts), CredentialHolder.STRANGER, {})
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


def _named(environment: dict[str, str]) -> str | None:
    """The place as whoever has this environment sees it, where it says so."""
    return environment.get("STRONGROOM_REPOSITORY") or environment.get("RESTIC_REPOSITORY")


def _bare(place: str, holder: CredentialHolder | None = None) -> str:
    """A place without the user and token in it, which are the custodian's. Raises ``UsageError`` for a host of which
    nobody knows what it sees."""
    from strongroom.custody.audit.terms import CredentialHolder as Known
    from strongroom.storage.locate import restic_place, split_scheme
    from strongroom.storage.options import StoreOptions

    scheme = split_scheme(place)[0]
    if scheme == "local" and holder is Known.HOST:
        words = "Its file needs a line STRONGROOM_REPOSITORY=rest:https://…, the place as that host sees it."
        raise UsageError("a host does not see this folder", subject=place, hint=words)
    return restic_place(place, StoreOptions(environment={})) if scheme == "rest" else place


def _own(context: Context, adopted: Adopted) -> list[Tried]:
    """What this machine may, by all that it has."""
    from strongroom.base.errors import StrongroomError
    from strongroom.custody.audit.terms import CredentialHolder
    from strongroom.custody.audit.tries import audit_store
    from strongroom.custody.executor.ways import way_of

    with store_for(context, adopted) as store:
        if executor_key(context, adopted) is not None:
            return audit_store(store, CredentialHolder.READER)
        try:
            way_of(store)
        except StrongroomError:
            return audit_store(store, CredentialHolder.READER)
        return audit_store(store, CredentialHolder.EXECUTOR)


def _tried(url: str, holder: CredentialHolder, environment: dict[str, str]) -> list[Tried]:
    from strongroom.custody.audit.terms import CredentialHolder as Known
    from strongroom.custody.audit.tries import audit_store
    from strongroom.storage.locate import open_store
    from strongroom.storage.options import StoreOptions

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
