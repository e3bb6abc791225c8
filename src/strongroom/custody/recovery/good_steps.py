"""The kit's steps to the signed list of good snapshots: where it is, and how stock ssh-keygen checks it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from strongroom.base.record import record
from strongroom.custody.good.text import FOLDER, NAMESPACE
from strongroom.format import rfc3339
from strongroom.receipts.log.note import Verifier
from strongroom.receipts.log.ssh_signature import BEGIN, ssh_line
from strongroom.storage.names import OWN_PLACE

if TYPE_CHECKING:
    from collections.abc import Sequence

_WHO = "custodian"
_NAME = "'[0-9]{10}-[0-9a-f]{32}'"
_NEWEST = f"grep -oE {_NAME} | sort | tail -n 1"
_PATH = f"{OWN_PLACE}/{FOLDER}/"


@record
class KitList:
    """The list when the kit was made: its number, when it was written, and the verifier key that signed it."""

    number: int
    made_ns: int
    judge: str


def list_steps(listed: KitList, place: str, repository: str, *, ca: bool) -> Sequence[tuple[str, str]]:
    """Words and a command each. ``ca``: certificates of one's own are in ca.pem."""
    verifier = Verifier.parse(listed.judge)
    day = rfc3339.format_utc(listed.made_ns)[:10]
    begin = BEGIN.rstrip("-")
    split = f"sed '/^{begin}/,$d' good.txt > list.txt; sed -n '/^{begin}/,$p' good.txt > list.sig"
    check = f"ssh-keygen -Y verify -f signers.txt -I {_WHO} -n {NAMESPACE} -s list.sig < list.txt"
    ours = f"strongroom custody last-good --store {shlex.quote(place)} --repository {repository}"
    where, command = _fetching(place, listed.number, ca=ca)
    return (
        (f"Get the newest signed list of good snapshots, which is newer than this page: {where}", command),
        (
            "Check it with stock ssh-keygen (OpenSSH 8.1 or newer), which must say `Good`. If it does not, somebody "
            "else wrote that file: take the one before it by name.",
            f"echo '{_WHO} {ssh_line(verifier)}' > signers.txt; {split}; {check}",
        ),
        (
            f"Read list.txt. Its repository must be that of this page, and its number {listed.number} (of {day}) or "
            "higher: else somebody put another list there, or an old one. Of your host take the newest snapshot from "
            "before you doubt it. Where our program is at hand, this does these three steps:",
            f"{ours} --judge {listed.judge} --at-least {listed.number}",
        ),
    )


def _fetching(place: str, number: int, *, ca: bool) -> tuple[str, str]:
    kind, _, rest = place.partition(":")
    trust = " --cacert ca.pem" if ca else ""
    if kind == "rest":
        curl = f'curl -fsS{trust} -u "$RESTIC_REST_USERNAME:$RESTIC_REST_PASSWORD"'
        url = shlex.quote(f"{rest.rstrip('/')}/{_PATH}")
        command = f"NAME=$({curl} {url} | {_NEWEST}); {curl} -o good.txt {url}$NAME"
        return "from the gateway, by a token for its role custodian or auditor.", command
    if kind == "s3":
        scheme, _, path = rest.partition("://")
        host, _, path = path.partition("/")
        bucket, _, prefix = path.strip("/").partition("/")
        key = f"{prefix}/{_PATH}" if prefix else _PATH
        curl = (
            f'curl -fsS{trust} -u "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" '
            '--aws-sigv4 "aws:amz:${AWS_DEFAULT_REGION:-us-east-1}:s3"'
        )
        base = f"{scheme}://{host}/{bucket}"
        query = f"list-type=2&prefix={_escaped(key)}&start-after={_escaped(f'{key}{number - 1:010d}')}"
        listing, url = shlex.quote(f"{base}/?{query}"), shlex.quote(f"{base}/{key}")
        command = f"NAME=$({curl} {listing} | {_NEWEST}); {curl} -o good.txt {url}$NAME"
        return "from the bucket, with curl 7.86 or newer, or by the provider's own tools.", command
    if kind in ("gs", "azure", "rclone", "b2", "swift"):
        return "the last by name, by the provider's own tools, as good.txt, from", f"{place.rstrip('/')}/{_PATH}"
    folder = shlex.quote(f"{place.rstrip('/')}/{_PATH}")
    return (
        "the last by name in a folder of the repository.",
        f'cp {folder}"$(ls {folder} | grep -xE {_NAME} | sort | tail -n 1)" good.txt',
    )


def _escaped(text: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 -- only who prints a kit needs it

    return quote(text, safe="")
