"""``gateway serve``: the append-only door for hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.quantities import size
from strongroom.cli.arguments.options import typed
from strongroom.cli.gateway.settings import place_arguments, settings_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


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
    add("--max-size", type=typed(size), metavar="SIZE", help="the most that all repositories together may hold")
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
    add(
        "--spool-bytes",
        type=typed(size),
        metavar="SIZE",
        help="with --store: uploads on this disk at once (default: 16 GiB)",
    )
    add("--workers", type=int, metavar="N", help="how many processes serve (default: 2)")
    add("--reads-per-day", metavar="SIZE", help="beyond this a principal's reading is an alarm (default: 10G)")
    add("--trash-days", type=int, metavar="N", help="so long a custodian's deletes stay in the trash (default: 90)")
    add("--clock-kept-outside", action="store_true", help="a hypervisor keeps the clock: do not ask the kernel")
    add("--allow-plaintext", action="store_true", help="with a policy file: serve beyond loopback without TLS")


def run_serve(context: Context) -> int:
    """Serve until told to stop."""
    from strongroom.gateway.processes.serve import serve

    arguments = context.arguments
    if arguments.no_verify_upload:
        context.warn("--no-verify-upload is ignored: what is stored is always checked")
    return serve(settings_of(arguments), context.signals.heed)
