"""``gateway principal``: who may ask the gateway, and for how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.gateway.settings import path_of, place_arguments, settings_of
from strongroom.gateway.access.policy import Quota, check_addresses, parse_size
from strongroom.gateway.access.roles import ADDED, Role

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.database.engine import Database
    from strongroom.gateway.access.principals import Principals

NONE = "none"
_LIMITS = {"quota": "bytes", "objects": "objects", "snapshots_per_day": "snapshots", "reads_per_day": "reads"}
"""The flags of limits, and the fields of ``Quota`` that they set."""


def arguments_principal(parser: argparse.ArgumentParser) -> None:
    """What to do with which principal."""
    parser.description = (
        "Manage who may ask: add, rotate, disable, enable, set, list. A new token is printed once. `set` changes the"
        " limits and addresses that it is given and leaves the rest; `none` takes a limit away. `readmit` lets a host"
        " that was reinstalled have its name again, by the eight words that it printed of its new key."
    )
    place_arguments(parser)
    add = parser.add_argument
    add("action", choices=("add", "rotate", "disable", "enable", "readmit", "set", "list"), help="what to do")
    add("name", nargs="?", help="the principal")
    add("--repository", action="append", default=[], metavar="PATH", help="its repository, * for any; repeatable")
    add("--role", choices=sorted(ADDED), default="host", help="what it may do there")
    add("--quota", metavar="SIZE", help="the most that it may store, such as 500G, or none")
    add("--objects", metavar="N", help="the most objects that it may store, or none")
    add("--snapshots-per-day", metavar="N", help="the most snapshots in a day, or none")
    add("--reads-per-day", metavar="SIZE", help="beyond this its reading is an alarm, such as 50G, or none")
    add("--address", action="append", default=[], metavar="NETWORK", help="from where it may ask, or none for all")
    add("--days", type=float, metavar="N", help="after how many days the token ends")
    add("--key", metavar="WORDS", help="with readmit: the key of the host, as it printed it")
    add("--all", action="store_true", help="with rotate: let no old token live on")


def run_principal(context: Context) -> int:
    """Do it."""
    from strongroom.gateway.access import usage
    from strongroom.gateway.access.principals import Principals
    from strongroom.gateway.processes.state import check_there, open_database

    arguments = context.arguments
    if arguments.action != "list" and not arguments.name:
        raise UsageError("which principal?", hint=f"strongroom gateway principal {arguments.action} NAME")
    settings = settings_of(arguments)
    check_there(settings, begins=arguments.action == "add")
    database = open_database(settings)
    try:
        if arguments.action == "readmit":
            return _readmit(context, database)
        done = _run(context, Principals(database))
        if arguments.action in ("add", "set"):  # what was stored before counts from the first request on
            usage.catch_up(database)
    finally:
        database.close()
    return done


def _run(context: Context, principals: Principals) -> int:
    arguments = context.arguments
    name, action = arguments.name, arguments.action
    if action == "list":
        return _list(context, principals)
    limits = {field: _limit(getattr(arguments, flag), flag) for flag, field in _LIMITS.items()}
    given = {field: limits[field] for flag, field in _LIMITS.items() if getattr(arguments, flag) is not None}
    networks = [] if arguments.address == [NONE] else arguments.address
    addresses = check_addresses(networks, "--address")
    if action == "set":
        if not given and not arguments.address:
            flags = ", ".join("--" + flag.replace("_", "-") for flag in (*_LIMITS, "address"))
            raise UsageError("set what?", hint=f"Give some of {flags}.")
        principals.change(name, given, addresses if arguments.address else None)
        return 0
    if action == "disable":
        principals.disable(name)
        return 0
    if action == "rotate":
        made = principals.rotate(name, all_tokens=arguments.all, days=arguments.days)
    elif action == "enable":
        made = principals.enable(name, days=arguments.days)
    else:
        grants = {path_of(place): ADDED[arguments.role] for place in arguments.repository}
        if arguments.role == Role.ENROLLER.value and any("*" in place for place in grants):
            raise UsageError("an enroller has a path, and no pattern", hint="Give the folder that hosts come below.")
        made = principals.add(name, grants, Quota(**limits), addresses, arguments.days)
    if context.json:
        context.out.json({"name": name, "token": made.text})
    else:
        context.out.line(made.text)
    return 0


def _readmit(context: Context, database: Database) -> int:
    from strongroom.fleet.protocol.fingerprint_words import parse_words
    from strongroom.gateway.access.enrolling import readmit

    arguments = context.arguments
    if not arguments.key:
        raise UsageError("which key?", hint="Give --key WORDS, the eight words that the host printed.")
    readmit(database, arguments.name, parse_words(arguments.key))
    if not context.json:
        context.out.line(f"the host with this key may have the name {arguments.name}: go on there")
    return 0


def _limit(text: str | None, flag: str) -> int | None:
    """Raises ``ConfigurationError`` or ``UsageError``."""
    if text is None or text == NONE:
        return None
    name = "--" + flag.replace("_", "-")
    if flag in ("quota", "reads_per_day"):
        return parse_size(text, name)
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise UsageError(f"not a number: {text!r}", subject=name)
    return int(text)


def _list(context: Context, principals: Principals) -> int:
    for principal, grants, tokens in principals.list():
        quota = principal.quota
        limits = {"bytes": quota.bytes, "objects": quota.objects, "snapshots": quota.snapshots}
        row = {"id": principal.id, "name": principal.name, "repositories": grants, "tokens": tokens}
        row |= {"disabled": principal.disabled, "quota": limits}
        if context.json:
            context.out.json(row)
            continue
        places = ", ".join(f"{place or '/'} ({role})" for place, role in grants.items())
        state = "disabled" if principal.disabled else f"tokens: {tokens}"
        context.out.line(f"{principal.name}  {principal.id}  {state}  {places}")
    return 0
