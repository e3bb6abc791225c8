"""``log show``, ``log verify`` and ``log trust``: reading and checking a gateway's log of receipts, pinning its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError, UsageError
from strongroom.base.redact import redact
from strongroom.cli import exit_codes
from strongroom.cli.shared.targets import Target, store_options
from strongroom.receipts.audit.audit import audit, load_since
from strongroom.receipts.audit.log_source import open_source
from strongroom.receipts.log.note import Verifier

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.receipts.audit.log_source import LogSource


def arguments_show(parser: argparse.ArgumentParser) -> None:
    """Where the log is, and which part."""
    parser.description = "Print the entries of a log: what arrived when, from whom."
    parser.add_argument("root", metavar="URL-OR-FOLDER", help="a gateway, its folder or bucket, or a log")
    parser.add_argument("--first", type=int, default=0, metavar="INDEX", help="the first entry")
    parser.add_argument("--count", type=int, default=100, metavar="N", help="how many (default: 100)")


def run_show(context: Context) -> int:
    """Print them."""
    from strongroom.cli.output.text import printable
    from strongroom.receipts.audit.entries import entries, size_of

    arguments = context.arguments
    if arguments.first < 0 or arguments.count < 0:
        raise UsageError("an index and a number of entries are not negative")
    source = _source(context)
    following = arguments.first
    for index, receipt in entries(source, arguments.first, arguments.count):
        following = index + 1
        if context.json:
            context.out.json({"index": index, **receipt.row()})
            continue
        what = f"{receipt.kind}/{receipt.name[:16]}" if receipt.kind else ""
        who = f"{receipt.repository[:8]}  {receipt.principal[:8] or '-':8}"
        detail = printable(receipt.detail.splitlines()[0]) if receipt.detail else ""
        context.out.line(f"{index:>8}  {receipt.utc()}  {receipt.type.value:10}  {who}  {what}  {detail}")
    if following < (size := size_of(source)):
        context.out.warn(
            f"the log has {size} entries, and {size - following} follow: `--first {following}` shows the next ones,"
            f" `--count {size - following}` as many"
        )
    return 0


def _source(context: Context) -> LogSource:
    """The log, reached as the options of the network say."""
    root: str = context.arguments.root
    return open_source(root, store_options(context, Target(redact(root), root, "URL", None, None, None)))


def arguments_verify(parser: argparse.ArgumentParser) -> None:
    """Where the log is, and what is known of it."""
    parser.description = (
        "Check a log: every entry, every hash tile, every older head that is known, every repository's chain. A wrong"
        " log is named by its first bad index, or by the smallest range that can be known."
    )
    parser.add_argument("root", metavar="URL-OR-FOLDER", help="a gateway, its folder or bucket, or a log")
    parser.add_argument(
        "--from", dest="since", metavar="CHECKPOINT", help="a pinned checkpoint; only what follows is read"
    )
    parser.add_argument("--state", metavar="FOLDER", help="remember the log here, and hold it to what it said before")
    parser.add_argument("--key", metavar="KEY", help="the log's verifier key (default: the remembered one)")


def run_verify(context: Context) -> int:
    """Check it."""
    arguments = context.arguments
    found = audit(
        _source(context),
        key=Verifier.parse(arguments.key) if arguments.key else None,
        since=load_since(arguments.since) if arguments.since else None,
        state=arguments.state,
    )
    if not found.pinned_key:
        context.warn("the key was read from the log itself; pin it with --key or --state")
    if found.beyond:
        context.warn(f"{found.beyond} more entries lie in tiles that no checkpoint there covers yet; look again later")
    if context.json:
        context.out.json(
            {
                "origin": found.head.origin,
                "size": found.head.size,
                "root": found.head.root.hex(),
                "read": found.read,
                "older_heads": found.pins,
                "key": str(found.verifier),
            }
        )
    else:
        context.out.line(f"{found.head.origin}: {found.head.size} entries, all good")
        context.out.line(f"read {found.read} entries, met {found.pins} older heads")
        context.out.line(f"verifier key: {found.verifier}")
    return 0


def arguments_trust(parser: argparse.ArgumentParser) -> None:
    """The key, and what else is settled."""
    parser.description = (
        "Pin the verifier key of a gateway's log on this machine: after its operator rotated the log, or before the"
        " first backup. Get the key from the operator by another way than the gateway itself. It is refused unless the"
        " gateway's log is signed by it now. What was known before is put aside, in a file that is never removed, and"
        " what was promised before is looked for in the old log and the new one. The gateway is the one of the"
        " repository given with --repo."
    )
    parser.add_argument("key", metavar="KEY", help="the verifier key, as `gateway rotate-log` printed it")
    parser.add_argument(
        "--explained",
        action="store_true",
        help="the operator has explained everything that this gateway was alarmed of so far: end these alarms, too",
    )


def run_trust(context: Context) -> int:
    """Pin it, and say what became of what was promised before."""
    from strongroom.cli.shared.opening import surroundings, targets_of
    from strongroom.cli.shared.promise_alarms import say
    from strongroom.cli.shared.promises import Broken
    from strongroom.cli.shared.targets import store_options
    from strongroom.receipts.client.gateway_log import GatewayLog
    from strongroom.receipts.client.key_change import trust
    from strongroom.receipts.client.promise_file import PromiseFile
    from strongroom.repository.state import default_state_folder
    from strongroom.storage.rest.url import parse

    targets = [one for one in targets_of(context) if one.url.lower().startswith("rest:")]
    if len(targets) != 1:
        what = "none of the repositories given is" if not targets else "several repositories given are"
        raise UsageError(f"{what} behind a gateway", hint="Name the one whose gateway is meant with --repo.")
    (target,) = targets
    key = Verifier.parse(context.arguments.key)
    options = store_options(context, target)
    address = parse(target.url[5:], options)
    file = PromiseFile(default_state_folder(), address.location)
    source = GatewayLog(address, options)
    try:
        done = trust(source, file, key, surroundings(context).clock.now_ns(), explained=context.arguments.explained)
    except OSError as error:
        raise ConfigurationError(f"what is known of the gateway: {error.strerror}", subject=file.path) from error
    finally:
        source.close()
    if context.json:
        context.out.json(
            {
                "message_type": "summary",
                "repository": target.label,
                "key": done.key,
                "changed": done.changed,
                "size": done.size,
                "put_aside": done.aside or None,
                "checked": done.checked,
                "waiting": done.waiting,
                "unchecked": done.unchecked,
            }
        )
    else:
        pinned = "is pinned now" if done.changed else "was pinned already"
        context.out.line(f"{target.label}: {done.key} {pinned}; it signed the log of {done.size} entries")
        if done.aside:
            context.out.line(f"what was known before is in {done.aside}")
        if done.checked or done.waiting:
            context.out.line(f"promises: {done.checked} found in the log, {done.waiting} left for later runs")
    if done.unchecked:
        context.warn(
            f"{done.unchecked} promises cannot be checked: the gateway does not show its old log any more. They are in"
            f" {done.aside}; the old log's folder on the server, if it is there, would prove them."
        )
    broken = [Broken(target.label, source.root, one, file.path) for one in done.reproaches]
    return exit_codes.with_alarm(exit_codes.OK, alarm=say(context, broken))
