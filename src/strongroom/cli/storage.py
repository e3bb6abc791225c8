"""``storage probe`` and ``storage policy``: what a provider really does, and what to allow hosts there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.base.record import as_dict
from strongroom.base.redact import redact
from strongroom.cli import exit_codes
from strongroom.cli.output.table import table
from strongroom.cli.output.text import printable
from strongroom.cli.shared.targets import Target, store_options

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.storage.report import Report


def arguments_probe(parser: argparse.ArgumentParser) -> None:
    """Where to probe."""
    parser.description = (
        "Find out what a place really does: conditional creation, checksums, versions, object lock, rules, clock. "
        "Writes objects of its own below .strongroom/probe/ and removes them; run it with the credentials of each "
        "host, of the gateway and of the custodian. Exits with 1 when something makes the place unfit."
    )
    parser.add_argument("url", metavar="URL", help="a repository's place: s3:…, rest:…, a folder")


def run_probe(context: Context) -> int:
    """Probe and print a table."""
    from strongroom.storage.locate import open_store
    from strongroom.storage.probe.questions import probe

    url: str = context.arguments.url
    context.signals.locks()
    options = store_options(context, Target(redact(url), url, "URL", None, None, None))
    with open_store(url, options) as store:  # whose receipts are for the probe's own repository, and are not kept
        report = probe(store)
    _show(context, report)
    return exit_codes.FAILED if report.bad else exit_codes.OK


def _show(context: Context, report: Report) -> None:
    if context.json:
        shown = [as_dict(row) | {"worth": row.worth.value} for row in report.rows]
        ends = {"left_behind": report.left_behind, "bad": report.bad}
        context.out.json({"location": report.location, "rows": shown, **ends})
        return
    rows = [(row.worth.value, row.question, printable(row.answer)) for row in report.rows]
    for line in table(("Worth", "Question", "Answer"), rows):
        context.out.line(line)
    for row in report.rows:
        if row.meaning:
            context.out.line(f"{row.worth.value}: {row.question}: {row.meaning}")
    for place in report.left_behind:
        context.out.line(f"left behind: {printable(place)}")


def arguments_policy(parser: argparse.ArgumentParser) -> None:
    """For whom."""
    parser.description = (
        "Print the bucket policy for a host that writes to a bucket without a gateway, or for a gateway before it; "
        "what is lost without one goes to standard error."
    )
    parser.add_argument("url", metavar="URL", help="the repository's place, s3:…")
    parser.add_argument(
        "--client", choices=("strongroom", "restic", "gateway"), default="strongroom", help="who writes there"
    )
    parser.add_argument("--principal", metavar="ARN", help="whom the host acts as (default: a placeholder)")


def run_policy(context: Context) -> int:
    """Print the policy."""
    from strongroom.storage.locate import split_scheme
    from strongroom.storage.options import StoreOptions
    from strongroom.storage.s3.policy import PRINCIPAL, bucket_policy, losses
    from strongroom.storage.s3.url import parse

    scheme, rest = split_scheme(context.arguments.url)
    if scheme != "s3":
        hint = "Write s3:…; elsewhere give the client's account the same rights by the provider's own means."
        raise UsageError("policies are for S3 alone", subject=redact(context.arguments.url), hint=hint)
    client = context.arguments.client
    principal = context.arguments.principal or PRINCIPAL
    for line in bucket_policy(parse(rest, StoreOptions()), client, principal).splitlines():
        context.out.line(line)
    for loss in losses(client):
        context.warn(loss)
    return exit_codes.OK
