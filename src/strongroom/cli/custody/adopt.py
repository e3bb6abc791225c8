"""``custody adopt``: take a repository into care."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strongroom.base.errors import UsageError
from strongroom.cli.custody.shared import add_state, file_of, identity_of, open_state, operator, signer_of, store_for

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.evidence.pinning import LogPins
    from strongroom.custody.state import Adopted
    from strongroom.storage.options import StoreOptions

_DESCRIPTION = """\
Take a repository into care, whoever made it: Strongroom, restic or rustic. It is opened once with a password of its
own; a key for the custodian is added, whose password is random and sealed to its identity. Then everything that is
there is pinned: the config, the keys, and at the first round each object.

  strongroom custody adopt web01 --store /backup/web01
  strongroom custody adopt web01 --store rest:https://custodian:TOKEN@backup.example/web01/ --log-key KEY
  strongroom custody adopt web01 --store s3:https://s3.example/vault/web01 --password-file web01.txt
"""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")


def arguments_adopt(parser: argparse.ArgumentParser) -> None:
    """Its name, its place, its policy."""
    parser.description = _DESCRIPTION
    parser.add_argument("name", metavar="NAME", help="what it is called here")
    parser.add_argument("--store", metavar="REPOSITORY", help="its place, as after --repo, with the custodian's rights")
    add_policy(parser)
    add_log(parser)
    add_state(parser, identity=True)


def add_policy(parser: argparse.ArgumentParser) -> None:
    """``--policy``."""
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="SETTING=NUMBER",
        help="what to keep and how long to wait, such as daily=30; `custody explain` and the guide list them",
    )


def add_log(parser: argparse.ArgumentParser) -> None:
    """Where the receipts are."""
    group = parser.add_argument_group("the log of its gateway, as evidence of when things arrived")
    group.add_argument(
        "--gateway", metavar="URL", help="the repository at its gateway (default: --store, if that is one)"
    )
    group.add_argument(
        "--log-key", metavar="KEY", help="the log's verifier key, as the gateway prints it when it starts"
    )
    group.add_argument("--witness", metavar="URL", help="who countersigns that log; its clock counts, too")
    group.add_argument("--witness-key", metavar="KEY", help="the witness's verifier key")


def run_adopt(context: Context) -> int:
    """Adopt it, and say what comes next."""
    from strongroom.cli.custody.spending.dry_run import first_round
    from strongroom.cli.shared.opening import one_repository, targets_of
    from strongroom.cli.shared.targets import store_options
    from strongroom.custody.adopting import adopt
    from strongroom.custody.evidence.pinning import LogPins
    from strongroom.custody.policy import CustodyPolicy, adjusted
    from strongroom.custody.recovery.recipients import recipients

    arguments = context.arguments
    if not _NAME.match(arguments.name):
        raise UsageError(
            "is no name", subject=arguments.name, hint="Letters, digits, dots, dashes and underscores, 64 at most."
        )
    file = file_of(context)
    _take_place(context, file.get("repository", {}).get(arguments.name))
    policy = adjusted(CustodyPolicy(), {**file.get("policy", {}), **settings_of(context)})
    identity = identity_of(context)
    with open_state(context) as state, one_repository(context) as repository:
        url = context_url(context)
        options = store_options(context, targets_of(context)[0])
        log = log_pins(context, LogPins(url, ""), options) if names_log(arguments) else None
        key = adopt(
            state,
            repository,
            arguments.name,
            url,
            identity,
            policy,
            recipients=recipients(state),
            who=operator(),
            window=_window(url),
            log=log,
        )
        identity_text = repository.id
        adopted = state.repository(arguments.name)
        let_executor_look(context, adopted)
        members, lines = first_round(context, state, adopted, repository.store)
    if context.json:
        made = {"message_type": "custody_adopt", "name": arguments.name, "id": identity_text, "key": key}
        context.out.json(made | {"forecast": members})
    else:
        context.out.line(f"adopted {arguments.name}: repository {identity_text[:10]}, custody key {key[:8]}")
        for line in lines:
            context.out.line(line)
        context.out.line(f"Next: strongroom custody round {arguments.name}")
    return 0


def _take_place(context: Context, table: dict[str, Any] | None) -> None:
    """Let the place be the one that ``--store`` gives, else custody.toml, and be reached as that says.

    Raises ``UsageError`` when it is given twice.
    """
    arguments = context.arguments
    store = arguments.store
    if store and arguments.repositories:
        raise UsageError("the place is given twice", subject=store, hint="Leave out --repo.")
    if store and table is not None:
        table["url"] = store
    if not arguments.repositories:
        named = arguments.name if table is not None and "url" in table else store
        arguments.repositories = [("place", named)] if named else None


def let_executor_look(context: Context, adopted: Adopted) -> None:
    """The executor sees now what is there, so that a key that comes later is none that was there from the first.

    Where it cannot, its first look is the first round's: nothing of the adoption hangs on that.
    """
    from strongroom.base.errors import StoreError
    from strongroom.cli.custody.execute import opened_executor

    with (
        contextlib.suppress(StoreError),
        store_for(context, adopted) as store,
        opened_executor(context, adopted, store, signer_of(context)) as executor,
    ):
        executor.look(())


def names_log(arguments: argparse.Namespace) -> bool:
    """Whether anything is said of a log."""
    return bool(arguments.gateway or arguments.log_key or arguments.witness or arguments.witness_key)


def log_pins(context: Context, held: LogPins, options: StoreOptions) -> LogPins:
    """The log that the arguments name, asked once. What they leave out is as in ``held``.

    Raises ``UsageError``, and what the gateway raises.
    """
    from strongroom.custody.evidence.pinning import LogPins, check_log, check_pins

    arguments = context.arguments
    key = arguments.log_key or held.key
    if not key:
        raise UsageError("a log is believed by its key alone", hint="Give --log-key; the gateway prints it.")
    gateway = arguments.gateway or held.url
    gateway = gateway if gateway.startswith("rest:") else f"rest:{gateway}"
    if not gateway.startswith(("rest:http://", "rest:https://", "rest:http+unix://")):
        raise UsageError("which gateway?", hint="Give --gateway with the repository's URL there, and a name and token.")
    pins = LogPins(gateway, key, arguments.witness or held.witness, arguments.witness_key or held.witness_key)
    check_pins(pins)
    check_log(pins, options)
    return pins


def _window(url: str) -> str:
    """The repository's path at a gateway, as the operator there has to name it."""
    scheme, _, rest = url.partition("://")
    return unquote(rest.partition("/")[2].strip("/")) if scheme.startswith("rest:") else ""


def context_url(context: Context) -> str:
    """The place as the user wrote it, made absolute where it is a path."""
    from strongroom.cli.shared.opening import targets_of
    from strongroom.repository.state import pin_url

    return pin_url(targets_of(context)[0].url)


def settings_of(context: Context) -> dict[str, int]:
    """What ``--policy`` sets. Raises ``UsageError``."""
    return dict(map(_setting, context.arguments.policy))


def _setting(text: str) -> tuple[str, int]:
    name, equals, number = text.partition("=")
    if not equals or not number.isdecimal() or len(number) > 6:
        raise UsageError("is no setting", subject=f"--policy {text}", hint="Write it as daily=30.")
    return name, int(number)
