"""``custody kit``: the page to print, with which stock age and stock restic restore."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.errors import ConfigurationError, UsageError
from strongroom.base.record import replace
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    beside,
    chosen,
    identity_file,
    open_state,
    replica_options,
    signer_of,
    target_of,
)
from strongroom.cli.shared.targets import store_options

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.storage.options import StoreOptions

_DESCRIPTION = """\
Print the recovery kit of a repository: its place, its sealed password, its config and key file, the good snapshots, and
the lines to type. It holds no secret in the clear; with the recovery identity it opens the repository, so keep the two
apart. Print it again when snapshots or places have changed.
"""


def arguments_kit(parser: argparse.ArgumentParser) -> None:
    """Which repository; text, or a page for a browser."""
    parser.description = _DESCRIPTION
    add_repository(parser)
    parser.add_argument("--html", metavar="FILE", help="write a page to print, with QR codes, to this file")
    add_state(parser)


def run_kit(context: Context) -> int:
    """Print it."""
    from strongroom.custody.recovery.kit import as_html, as_text
    from strongroom.custody.recovery.making import make_kit
    from strongroom.custody.replica.notes import replica_place
    from strongroom.storage.locate import restic_place

    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        options = store_options(context, target_of(context, adopted))
        place = restic_place(adopted.store, options)
        url = replica_place(state, adopted)
        replica = restic_place(url, replica_options(context, adopted, url)) if url else ""
        kit = make_kit(state, adopted, place, replica, _authorities(options) if "https://" in place + replica else b"")
    kit = replace(kit, custodian=_words(context))
    if not context.arguments.html:
        context.out.write(as_text(kit))
        return 0
    try:
        replace_file(context.arguments.html, as_html(kit).encode())
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", subject=context.arguments.html) from None
    if context.verbosity > 0:
        context.out.line(f"wrote {context.arguments.html}; print it, and keep it apart from the recovery identity")
    return 0


def _words(context: Context) -> str:
    """The eight words by which hosts know this custodian; empty where its key is elsewhere."""
    from strongroom.fleet.protocol.fingerprint_words import words_of
    from strongroom.fleet.protocol.signed import signer_id

    try:
        if os.path.exists(beside(identity_file(context))):
            return words_of(signer_id(signer_of(context).verifier.public))
    except ConfigurationError:  # the kit is for a day on which much else is gone
        pass
    return ""


def _authorities(options: StoreOptions) -> bytes:
    """The certificates that a store is reached with; `store_options` has looked whether they can be read."""
    found = []
    for path in options.cacert:
        with open(path, "rb") as file:
            found.append(file.read())
    return b"\n".join(found)
