"""``log show`` and ``log verify``: reading and checking the gateway's log of receipts, from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.receipts.audit import audit, load_since
from strongroom.receipts.log_source import open_source
from strongroom.receipts.note import Verifier

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_show(parser: argparse.ArgumentParser) -> None:
    """Where the log is, and which part."""
    parser.description = "Print the entries of a log: what arrived when, from whom."
    parser.add_argument("root", metavar="URL-OR-FOLDER", help="…/.strongroom/log: a gateway's, a bucket's or a folder")
    parser.add_argument("--first", type=int, default=0, metavar="INDEX", help="the first entry")
    parser.add_argument("--count", type=int, default=100, metavar="N", help="how many (default: 100)")


def run_show(context: Context) -> int:
    """Print them."""
    from strongroom.cli.output.text import printable
    from strongroom.receipts.show import entries

    for index, receipt in entries(
        open_source(context.arguments.root), context.arguments.first, context.arguments.count
    ):
        if context.json:
            context.out.json({"index": index, **receipt.row()})
            continue
        what = f"{receipt.kind}/{receipt.name[:16]}" if receipt.kind else ""
        who = f"{receipt.repository[:8]}  {receipt.principal[:8] or '-':8}"
        detail = printable(receipt.detail.splitlines()[0]) if receipt.detail else ""
        context.out.line(f"{index:>8}  {receipt.utc()}  {receipt.type.value:10}  {who}  {what}  {detail}")
    return 0


def arguments_verify(parser: argparse.ArgumentParser) -> None:
    """Where the log is, and what is known of it."""
    parser.description = (
        "Check a log: every entry, every hash tile, every older head that is known, every repository's chain. A wrong"
        " log is named by its first bad index, or by the smallest range that can be known."
    )
    parser.add_argument("root", metavar="URL-OR-FOLDER", help="…/.strongroom/log: a gateway's, a bucket's or a folder")
    parser.add_argument(
        "--from", dest="since", metavar="CHECKPOINT", help="a pinned checkpoint; only what follows is read"
    )
    parser.add_argument("--state", metavar="FOLDER", help="remember the log here, and hold it to what it said before")
    parser.add_argument("--key", metavar="KEY", help="the log's verifier key (default: the remembered one)")


def run_verify(context: Context) -> int:
    """Check it."""
    arguments = context.arguments
    found = audit(
        open_source(arguments.root),
        key=Verifier.parse(arguments.key) if arguments.key else None,
        since=load_since(arguments.since) if arguments.since else None,
        state=arguments.state,
    )
    if not found.pinned_key:
        context.warn("the key was read from the log itself; pin it with --key or --state")
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
