"""``gateway serve`` and what an operator does on the gateway's machine: keys, panic, trash, the log."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import UsageError
from strongroom.base.quantities import duration
from strongroom.gateway.access.policy import load_policy
from strongroom.gateway.processes.settings import DEFAULT_PATH, Settings

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def place_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the gateway is."""
    parser.add_argument("--path", metavar="FOLDER", help="the data folder (default: $DATA_DIRECTORY or /tmp/restic)")
    parser.add_argument("--store", metavar="URL", help="serve a bucket, s3://… gs://… or az://…, instead of a folder")
    parser.add_argument("--state", metavar="FOLDER", help="the state (default: $STATE_DIRECTORY or PATH/.strongroom)")
    parser.add_argument("--database", metavar="URL", help="sqlite:///file or postgresql://… (default: in the state)")


def arguments_serve(parser: argparse.ArgumentParser) -> None:
    """rest-server's flags with rest-server's meaning, and ours."""
    parser.description = (
        "Serve repositories to restic, rustic and strongroom over restic's REST protocol. The flags are rest-server's;"
        " --config names a policy file with roles and quotas."
    )
    place_arguments(parser)
    add = parser.add_argument
    add("--listen", action="append", metavar="ADDRESS", help="host:port, :port or unix:/path (default: :8000)")
    add("--append-only", action="store_true", help="hosts may add and never delete")
    add("--private-repos", action="store_true", help="users only reach repositories below a folder of their name")
    add("--htpasswd-file", metavar="FILE", help="the password file (default: PATH/.htpasswd)")
    add("--no-auth", action="store_true", help="serve everybody without a password")
    add("--tls", action="store_true", help="speak TLS")
    add("--tls-cert", metavar="FILE", help="the certificate (default: PATH/public_key)")
    add("--tls-key", metavar="FILE", help="its key (default: PATH/private_key)")
    add("--tls-min-ver", choices=("1.2", "1.3"), help="the oldest TLS that is spoken")
    add("--max-size", type=int, metavar="BYTES", help="the most that all repositories together may hold")
    add("--log", metavar="FILE", help="write an access log to this file, - for standard output")
    add("--log-format", choices=("combined", "json"), help="how a line of it looks")
    add("--message-format", choices=("text", "json"), help="how the server's own messages look (default: text)")
    add("--message-level", choices=("info", "warning", "error"), help="the least level of them (default: info)")
    add("--prometheus", action="store_true", help="serve metrics at /metrics")
    add("--prometheus-no-auth", action="store_true", help="serve them without authentication")
    add("--proxy-auth-username", metavar="HEADER", help="trust a proxy's word, in this header, for who is asking")
    add(
        "--trusted-proxies",
        action="append",
        metavar="NETWORK",
        help="proxies whose word counts, such as 127.0.0.1 or unix",
    )
    add("--group-accessible-repos", action="store_true", help="let the group read and write the files")
    add("--no-verify-upload", action="store_true", help="taken for rest-server's sake, and ignored")
    add("--signing-key", metavar="FILE", help="the log's key (default: in the state, made at the first start)")
    add("--log-host", metavar="NAME", help="the name in the log's origin (default: this host's)")
    add("--public-log", action="store_true", help="let every principal read all entries of the log")
    add("--witness", metavar="URL", help="a witness that countersigns the log")
    add("--witness-key", metavar="KEY", help="the witness's verifier key")
    add("--allow-unconditional", action="store_true", help="serve a store that replaces what it is given")
    add("--spool-bytes", type=int, metavar="BYTES", help="with --store: uploads on this disk at once (default: 16 GiB)")
    add("--workers", type=int, metavar="N", help="how many processes serve (default: 2)")
    add("--reads-per-day", metavar="SIZE", help="beyond this a principal's reading is an alarm (default: 10G)")
    add("--clock-kept-outside", action="store_true", help="a hypervisor keeps the clock: do not ask the kernel")
    add("--allow-plaintext", action="store_true", help="with a policy file: serve beyond loopback without TLS")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings that flags and the policy file's [server] table give; flags win. Raises ``ConfigurationError``."""
    given: dict[str, Any] = {"path": os.environ.get("DATA_DIRECTORY") or DEFAULT_PATH}
    known = Settings.__dataclass_fields__
    if arguments.config:
        given |= load_policy(arguments.config).server
    pairs = [f"{key}={value}" for key, value in arguments.extended or ()]
    flags = {"host": getattr(arguments, "log_host", None), "store_options": pairs or None} | vars(arguments)
    for name, value in flags.items():
        if name in known and value is not None and value is not False:
            given[name] = tuple(value) if isinstance(value, list) else value
    return Settings(**given)


def run_serve(context: Context) -> int:
    """Serve until told to stop."""
    from strongroom.gateway.processes.serve import serve

    arguments = context.arguments
    if arguments.no_verify_upload:
        context.warn("--no-verify-upload is ignored: what is stored is always checked")
    return serve(settings_of(arguments))


def path_of(place: str) -> str:
    """A repository's path as it was given, tidied. Raises ``UsageError``."""
    from strongroom.gateway.paths import MAX_DEPTH, is_folder_name

    parts = place.strip("/").split("/") if place.strip("/") else []
    if place != "*" and (len(parts) > MAX_DEPTH or not all(is_folder_name(part) for part in parts)):
        raise UsageError("not the path of a repository", hint="at most two folders, such as web01 or team/web01")
    return "/".join(parts)


def arguments_keys(parser: argparse.ArgumentParser) -> None:
    """Which key, for how long."""
    parser.description = "Open a window in which a repository admits exactly one key: keys open REPOSITORY --key ID."
    place_arguments(parser)
    parser.add_argument("action", choices=("open",), help="what to do")
    parser.add_argument("repository", help="the repository's path")
    parser.add_argument("--key", required=True, metavar="ID", help="the key file's name, 64 hexadecimal digits")
    parser.add_argument("--for", dest="minutes", default="10m", metavar="TIME", help="how long, such as 10m or 2h")


def run_keys(context: Context) -> int:
    """Open the window."""
    from strongroom.gateway.operator import Operator

    arguments = context.arguments
    operator = Operator(settings_of(arguments))
    until = operator.open_keys(path_of(arguments.repository), arguments.key, _seconds(arguments.minutes))
    context.out.line(f"the key is admitted until {until}")
    operator.close()
    return 0


def _seconds(text: str) -> int:
    try:
        seconds = duration(text)
    except ValueError as error:
        raise UsageError(str(error), subject="--for") from None
    if not 1 <= seconds <= 86400:
        raise UsageError(f"too short or too long: {text}", subject="--for", hint="such as 10m; at most 24h")
    return int(seconds)


def arguments_panic(parser: argparse.ArgumentParser) -> None:
    """Which repository."""
    parser.description = "Make a repository read-only at once; locks stay allowed, so that restoring works."
    place_arguments(parser)
    parser.add_argument("repository", help="the repository's path")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the log")
    parser.add_argument("--off", action="store_true", help="end the panic")


def run_panic(context: Context) -> int:
    """Declare or end it."""
    from strongroom.gateway.operator import Operator

    arguments = context.arguments
    operator = Operator(settings_of(arguments))
    operator.panic(path_of(arguments.repository), on=not arguments.off, reason=arguments.reason)
    operator.close()
    return 0


def arguments_trash(parser: argparse.ArgumentParser) -> None:
    """What to do with what."""
    parser.description = "List, restore or purge what a custodian deleted. Only what was held for 7 days is purged."
    place_arguments(parser)
    parser.add_argument("action", choices=("list", "restore", "purge"), help="what to do")
    parser.add_argument("repository", help="the repository's path")
    parser.add_argument("name", nargs="?", help="the object's name, for restore")
    parser.add_argument("--clock-kept-outside", action="store_true", help="purge though the kernel keeps no clock")


def run_trash(context: Context) -> int:
    """Do it."""
    from strongroom.gateway.operator import Operator

    arguments = context.arguments
    operator = Operator(settings_of(arguments))
    repository = path_of(arguments.repository)
    if arguments.action == "list":
        for one in operator.trash(repository):
            row = {"date": one.date, "kind": one.name.kind.value, "name": one.name.name, "size": one.size}
            if context.json:
                context.out.json(row)
            else:
                context.out.line(f"{one.date}  {one.name.kind.value:9}  {one.name.name}  {one.size}")
    elif arguments.action == "restore":
        if not arguments.name:
            raise UsageError("which object?", hint="`strongroom gateway trash list` names them")
        operator.restore(repository, arguments.name)
    else:
        context.out.line(f"{operator.purge(repository)} objects were removed for good")
    operator.close()
    return 0


def arguments_reconcile(parser: argparse.ArgumentParser) -> None:
    """Where and why."""
    parser.description = "Say in the log which objects went or came behind the gateway's back, and why."
    place_arguments(parser)
    parser.add_argument("repository", help="the repository's path")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for the log")


def run_reconcile(context: Context) -> int:
    """Do it."""
    from strongroom.gateway.operator import Operator

    arguments = context.arguments
    operator = Operator(settings_of(arguments))
    gone, come = operator.reconcile(path_of(arguments.repository), arguments.reason)
    context.out.line(f"{gone} objects have gone, {come} were there without a receipt")
    operator.close()
    return 0


def arguments_new_id(parser: argparse.ArgumentParser) -> None:
    """Which folder."""
    parser.description = (
        "Give a folder that was copied from a repository's, with its ID, an ID of its own, and its objects receipts of"
        " their own. Until then both share receipts and panic. It is refused for a folder that is no copy."
    )
    place_arguments(parser)
    parser.add_argument("repository", help="the copy's path")


def run_new_id(context: Context) -> int:
    """Do it."""
    from strongroom.gateway.operator import Operator

    operator = Operator(settings_of(context.arguments))
    context.out.line(operator.new_id(path_of(context.arguments.repository)))
    operator.close()
    return 0


def arguments_rotate_log(parser: argparse.ArgumentParser) -> None:
    """Where."""
    parser.description = (
        "Begin a new log, with a new key, whose first entry is the last checkpoint of the old one: when the key is lost"
        " or to be changed, or the old log cannot go on. Start the gateway again. Every client alarms until its"
        " administrator, who got the key that this prints by another way, pins it: `strongroom log trust`."
    )
    place_arguments(parser)


def run_rotate_log(context: Context) -> int:
    """Do it."""
    from strongroom.gateway.operator import Operator

    operator = Operator(settings_of(context.arguments))
    context.out.line(operator.rotate_log())
    operator.close()
    return 0
