"""The recovery kit: a page with which stock age and stock restic restore a repository, and nothing of ours.

It holds no secret in the clear. The password on it is sealed to the recovery identity, which was printed when the
custodian began and is stored nowhere.
"""

from __future__ import annotations

import base64
import html
import shlex
import textwrap
from typing import TYPE_CHECKING

from strongroom.base.record import record
from strongroom.custody.recovery.good_steps import list_steps
from strongroom.format import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.custody.recovery.good_steps import KitList

_WIDTH = 76
_NEEDED = (
    "You need: stock age, stock restic, the recovery identity, and credentials that may read the place, in the "
    "variables that restic reads, such as RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY."
)


@record
class Kit:
    """What the page says. ``sealed`` is an age file, ``good`` the newest good snapshots as ID, arrival and source.

    ``place`` is as restic writes it, without credentials. ``replica``: where the second copy is, empty where there is
    none; ``waiting``: those of ``good`` that it lacks. ``ca``: certificates to trust in place of the system's.
    ``listed``: the signed list beside the repository, None where there is none. ``custodian``: the eight words by which
    hosts know the custodian, empty where it has no key.
    """

    name: str
    repository_id: str
    place: str
    key_name: str
    sealed: bytes
    config: bytes
    key_file: bytes
    good: tuple[tuple[str, int, str], ...]
    made_ns: int
    replica: str = ""
    waiting: tuple[str, ...] = ()
    ca: bytes = b""
    listed: KitList | None = None
    custodian: str = ""

    @property
    def restic(self) -> str:
        """How a restic command begins."""
        return self.restic_at(self.place)

    def restic_at(self, place: str) -> str:
        """The same for another place."""
        where = shlex.quote(place)
        ca = " --cacert ca.pem" if self.ca else ""
        return f"restic -r {where}{ca} --password-file password.txt --key-hint {self.key_name} --no-lock"


def _block(data: bytes) -> str:
    return "\n".join(textwrap.wrap(base64.b64encode(data).decode(), _WIDTH))


def _steps(kit: Kit) -> Sequence[tuple[str, str]]:
    newest = kit.good[0][0] if kit.good else "SNAPSHOT"
    first = (*_first_steps(), *_ca_steps(kit), *_list_steps(kit))
    return (*first, *_restores(kit, newest), *_replica_steps(kit), *_last_steps(kit))


def _list_steps(kit: Kit) -> Sequence[tuple[str, str]]:
    return () if kit.listed is None else list_steps(kit.listed, kit.place, kit.repository_id, ca=bool(kit.ca))


def _ca_steps(kit: Kit) -> Sequence[tuple[str, str]]:
    if not kit.ca:
        return ()
    words = "The server has a certificate of your own. Write what to trust, ca.txt below, into a file as well."
    return ((words, "base64 -d < ca.txt > ca.pem"),)


def _replica_steps(kit: Kit) -> Sequence[tuple[str, str]]:
    if not kit.replica:
        return ()
    there = next((one for one, _, _ in kit.good if one not in kit.waiting), "SNAPSHOT")
    words = (
        "Only if the repository is lost: the replica, in another account and with credentials of its own, opens with "
        "the same password."
    )
    return ((words, f"{kit.restic_at(kit.replica)} restore {there} --target restored"),)


def _first_steps() -> Sequence[tuple[str, str]]:
    return (
        (
            "Write the recovery identity, the printed line that begins AGE-SECRET-KEY-1, into a file recovery.txt.",
            "umask 077; cat > recovery.txt",
        ),
        (
            "Write the sealed password below into a file sealed.txt, and open it with stock age.",
            "base64 -d < sealed.txt | age -d -i recovery.txt > password.txt",
        ),
    )


def _restores(kit: Kit, newest: str) -> Sequence[tuple[str, str]]:
    return (
        (
            "See what there is. `latest` may be an intruder's: take one of the good snapshots of the list, or of those "
            "below, by its ID.",
            f"{kit.restic} snapshots",
        ),
        ("Restore it.", f"{kit.restic} restore {newest} --target restored"),
    )


def _last_steps(kit: Kit) -> Sequence[tuple[str, str]]:
    return (
        (
            f"Only if config or keys/{kit.key_name[:10]}… are gone from the repository: write config.txt and key.txt "
            "below into files, and put their bytes back.",
            f"base64 -d < config.txt > config; base64 -d < key.txt > keys/{kit.key_name}",
        ),
        (  # whoever may upload can write one, and restic stops at it: each command loads all indexes
            "Only if restic stops at an index, or says `ciphertext verification failed`: a host planted one. Copy the "
            "whole repository to a folder named copy, make its index anew from the packs, and restore with -r copy.",
            f"restic -r copy --password-file password.txt --key-hint {kit.key_name} repair index --read-all-packs",
        ),
    )


def _parts(kit: Kit) -> Sequence[tuple[str, bytes]]:
    parts = (("sealed.txt", kit.sealed), ("config.txt", kit.config), ("key.txt", kit.key_file))
    return (*parts, ("ca.txt", kit.ca)) if kit.ca else parts


def _listed(kit: Kit) -> list[tuple[str, str, str]]:
    """The good snapshots: ID, arrival, and source with what is to be known of it."""
    lacking = frozenset(kit.waiting if kit.replica else ())
    return [
        (one, rfc3339.format_utc(when)[:16], f"{source}  (not at the replica yet)" if one in lacking else source)
        for one, when, source in kit.good
    ]


def as_text(kit: Kit) -> str:
    """The page as plain text, to be read and copied by hand if need be."""
    lines = [
        f"Recovery kit of {kit.name}, made {rfc3339.format_utc(kit.made_ns)[:10]}",
        "",
        f"repository  {kit.repository_id}",
        f"place       {kit.place}",
        *([f"replica     {kit.replica}"] if kit.replica else []),
        f"key         {kit.key_name}",
        *([f"custodian   {kit.custodian}"] if kit.custodian else []),
        "",
        *textwrap.wrap(_NEEDED, _WIDTH),
        "",
    ]
    for number, (words, command) in enumerate(_steps(kit), 1):
        lines += [*textwrap.wrap(f"{number}. {words}", _WIDTH), "", f"    {command}", ""]
    lines += ["Good snapshots when this was made, newest first:", ""]
    lines += [f"    {one}  arrived {when}  {words}" for one, when, words in _listed(kit)]
    lines += ["    none yet"] if not kit.good else []
    for title, data in _parts(kit):
        lines += ["", f"----- {title} -----", _block(data), f"----- end of {title} -----"]
    return "\n".join(lines) + "\n"


def as_html(kit: Kit) -> str:
    """The page to print from any browser, with the parts as QR codes beside their text. It loads nothing."""
    import segno  # noqa: PLC0415 -- only who prints a page needs it

    def code(data: bytes) -> str:
        try:
            made = segno.make(base64.b64encode(data).decode(), error="m", micro=False)
        except segno.DataOverflowError:  # certificates may be longer than a code can be; the text has them
            return ""
        return str(made.svg_inline(scale=2, border=4))

    steps = "".join(f"<li>{html.escape(words)}<pre>{html.escape(command)}</pre></li>" for words, command in _steps(kit))
    good = "".join(
        f"<tr><td><code>{one}</code></td><td>{when}</td><td>{html.escape(words)}</td></tr>"
        for one, when, words in _listed(kit)
    )
    parts = "".join(
        f"<section><h2>{title}</h2><pre>{_block(data)}</pre>{code(data)}</section>" for title, data in _parts(kit)
    )
    title = f"Recovery kit of {html.escape(kit.name)}"
    replica = f", replica at <code>{html.escape(kit.replica)}</code>" if kit.replica else ""
    custodian = f"<p>Custodian <code>{html.escape(kit.custodian)}</code>.</p>" if kit.custodian else ""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{title}</title><style>body{{font:12pt/1.4 serif;margin:2cm;max-width:18cm}}"
        "pre{white-space:pre-wrap;word-break:break-all;font-size:9pt;background:#f4f4f4;padding:.5em}"
        "section{break-inside:avoid}td{padding-right:1em}</style>"
        f"<h1>{title}</h1><p>Made {rfc3339.format_utc(kit.made_ns)[:10]}. Repository <code>{kit.repository_id}</code>"
        f" at <code>{html.escape(kit.place)}</code>{replica}, key <code>{kit.key_name}</code>.</p>{custodian}"
        f"<p>{html.escape(_NEEDED)}</p>"
        f"<ol>{steps}</ol><h2>Good snapshots, newest first</h2><table>{good}</table>{parts}</html>\n"
    )
