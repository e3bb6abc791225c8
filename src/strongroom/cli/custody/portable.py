"""``custody export``, ``import`` and ``rebuild``: a state in one sealed file, and a catalogue that is read anew."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError, UsageError
from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    beside,
    chosen,
    executor_url,
    identity_file,
    identity_of,
    in_bucket,
    open_state,
    operator,
    signer_of,
)

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.receipts.log.note import Verifier

_EXPORT = """\
Write all that the custodian knows to one new file: state, the executor's record, the judge's key; sealed to the
identity and to the recovery identity, and signed by the judge's key, whose line is printed. `custody import` makes a
state of it elsewhere. A state that is older than what rounds wrote beside a repository counts as new there.

  strongroom custody export /media/usb/custody.age
"""
_IMPORT = """\
Make a state of a file that `custody export` wrote, in a new place: a folder, or an empty database. The identity must be
there already (--identity), or be the recovery identity in a file of yours: then a new identity is made where the
state's own belongs, and all is sealed to it.

Its signature is verified: by the judge's key that --signed-by names, or that lies beside the identity; where there is
neither, by the one in the file, which is printed: compare it with `.strongroom/custodian` beside a repository.

  strongroom custody import /media/usb/custody.age --state /var/lib/strongroom/custody --identity recovery.txt
"""
_REBUILD = """\
Read a repository's catalogue anew: what packs were read to hold is forgotten, and the next rounds read every object
again. Arrivals, verdicts and what operators said stay. Until all is read, nothing goes.
"""


def arguments_export(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.description = _EXPORT
    parser.add_argument("file", metavar="FILE", help="a file that is not there yet")
    add_state(parser, identity=True)


def run_export(context: Context) -> int:
    """Write it."""
    from strongroom.base.clock import SYSTEM
    from strongroom.custody.portable.sealed_file import export_state
    from strongroom.custody.recovery.recipients import recipients
    from strongroom.database.engine import Database

    identity = identity_of(context)
    signer = signer_of(context)
    with open(_judge(context), "rb") as file:
        judge = file.read()
    with open_state(context) as state:
        record = Database(executor_url(context), clock=SYSTEM)
        try:
            to = (identity.recipient, *recipients(state))
            size = export_state(context.arguments.file, state.database, record, judge, to, SYSTEM, signer)
        finally:
            record.close()
    text = f"wrote {context.arguments.file}, {size} bytes, sealed to {len(to)} identities, signed by {signer.verifier}"
    return _done(context, text)


def arguments_import(parser: argparse.ArgumentParser) -> None:
    """Where from."""
    parser.description = _IMPORT
    parser.add_argument("file", metavar="FILE", help="what `custody export` wrote")
    parser.add_argument(
        "--signed-by", metavar="KEY", help="the judge's key that must have signed it, as export prints it"
    )
    parser.add_argument(
        "--unsigned", action="store_true", help="take a file that nobody signed, as older releases wrote"
    )
    add_state(parser, identity=True)


def run_import(context: Context) -> int:
    """Make a state of it. Nothing is made before the file is opened, and the judge's key comes first: what lies in a
    bucket is signed by it."""
    from strongroom.base.clock import SYSTEM
    from strongroom.custody.care.resealing import seal_to_own
    from strongroom.custody.identity import create_file, load_file
    from strongroom.custody.portable.sealed_file import import_state, opened_bundle
    from strongroom.database.engine import Database

    identity = identity_of(context)
    with opened_bundle(context.arguments.file, identity, _trusted(context)) as bundle:
        if bundle.signed_by is None and not context.arguments.unsigned:
            raise UsageError(
                "is not signed, so anybody may have made it",
                subject=context.arguments.file,
                hint="An older release wrote such files. If you know that nobody else had it, say --unsigned.",
            )
        own = _own_place(context) if identity.recipient in bundle.recipients() else None
        _keep_judge(_judge(context) if own is None else beside(own), bundle.judge)
        with open_state(context, create=True) as state:
            if state.audit_trail():
                raise UsageError("there is a state already, and none is put over another", subject=state.place)
            record = Database(executor_url(context), clock=SYSTEM)
            try:
                import_state(bundle, state.database, record, SYSTEM)
            finally:
                record.close()
            count = len(state.repositories())
            if own is not None:
                fresh = load_file(own) if os.path.exists(own) else create_file(own)
                seal_to_own(state, identity, fresh, operator(), "imported by the recovery identity")
            with state.database.write() as connection:
                state.record(connection, operator(), "", "imported a state", os.path.basename(context.arguments.file))
    signed = "unsigned" if bundle.signed_by is None else f"signed by {bundle.signed_by}"
    sealed = "" if own is None else f", sealed to the identity {own}"
    ones = "1 repository" if count == 1 else f"{count} repositories"
    return _done(context, f"imported {ones}, {signed}{sealed}. Next: strongroom custody round --all")


def _own_place(context: Context) -> str | None:
    """Where the state's own identity belongs, when the recovery identity is given; None where that is to serve as it.

    Rounds run by an identity of their own: the recovery identity is locked away again.
    """
    if in_bucket(context):
        return None
    try:
        place = identity_file(context, given=False)
    except ConfigurationError:
        return None
    return None if os.path.realpath(place) == os.path.realpath(identity_file(context)) else place


def _trusted(context: Context) -> Verifier | None:
    """Whose signature counts: the key that was named, else the one that is here."""
    from strongroom.receipts.log.note import Verifier

    if context.arguments.signed_by:
        return Verifier.parse(context.arguments.signed_by)
    return signer_of(context).verifier if os.path.exists(_judge(context)) else None


def _keep_judge(path: str, judge: bytes) -> None:
    from strongroom.base.durable import write_new

    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        if write_new(path, judge, f"{path}.{os.getpid()}.new"):
            return
        with open(path, "rb") as file:
            there = file.read()
    except OSError as error:
        raise ConfigurationError(f"cannot be made: {error.strerror}", subject=path) from None
    if there != judge:
        raise ConfigurationError(
            "another judge's key is here",
            subject=path,
            hint="The executor takes plans of the first alone. Name another place, or an identity in another folder.",
        )


def arguments_rebuild(parser: argparse.ArgumentParser) -> None:
    """Which repositories."""
    parser.description = _REBUILD
    add_repository(parser)
    add_state(parser)


def run_rebuild(context: Context) -> int:
    """Forget the catalogue of one."""
    from strongroom.custody.portable.rebuild import forget_catalogue

    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        lease = state.claim(adopted.id, f"{os.uname().nodename}:{os.getpid()}")
        try:
            count = forget_catalogue(state, lease, adopted, operator())
        finally:
            state.release(lease)
    name = adopted.name
    return _done(context, f"{count} objects of {name} are to be read anew. Next: strongroom custody round {name}")


def _judge(context: Context) -> str:
    return beside(identity_file(context))


def _done(context: Context, text: str) -> int:
    if context.json:
        context.out.json({"message_type": "custody_state", "message": text})
    else:
        context.out.line(text)
    return 0
