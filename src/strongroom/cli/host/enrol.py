"""``host enrol``: from a token to a host that backs itself up and reports."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from functools import partial
from typing import TYPE_CHECKING

from strongroom.base.configuration import client
from strongroom.base.durable import replace_file, write_new
from strongroom.base.errors import ConfigurationError, Missing, Refused, StrongroomError, UsageError
from strongroom.base.file_lock import file_lock
from strongroom.base.objects import CONFIG, Kind
from strongroom.base.record import replace
from strongroom.cli import exit_codes
from strongroom.cli.arguments.marked_text import SMALL, decoded, read_marked_text
from strongroom.cli.host.asking_operators import say_key, say_waiting
from strongroom.cli.host.diagnose import diagnosis, print_rows
from strongroom.cli.schedule.fleet_state import configuration_path, member_of
from strongroom.cli.schedule.shared import machine_schedules
from strongroom.cli.shared import passwords
from strongroom.cli.shared.interruptible_clock import InterruptibleClock
from strongroom.cli.shared.opening import cache_of, open_target, state_of, store_of, surroundings
from strongroom.cli.shared.targets import find_targets, store_options
from strongroom.cli.version import strongroom_version
from strongroom.fleet.host.joining.asking import Joining, checked_name, usual_name
from strongroom.fleet.host.joining.configuration import first_configuration, with_repositories
from strongroom.fleet.host.joining.custody_key import give_custody, put_at_gateway
from strongroom.fleet.host.joining.progress import ProgressFile
from strongroom.fleet.host.reporting.member import (
    MembershipFile,
    host_key,
    membership_path,
    read_membership,
    state_folder,
)
from strongroom.fleet.host.reporting.server import RefusedByGateway
from strongroom.fleet.host.schedule.installing import systemd_runs
from strongroom.fleet.protocol.enrolment import AWAITED, NOBODY, EnrolledRepository
from strongroom.fleet.protocol.fingerprint_words import words_of
from strongroom.fleet.protocol.signed import signer_id
from strongroom.repository.opening import initialise
from strongroom.repository.state import default_state_folder

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target
    from strongroom.fleet.protocol.token import Card
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Join a fleet with a token that its server printed (`strongroom fleet invite`): a key for this host, its repository with
a random password, the custodian's key sealed, a schedule, the first backup, and a diagnosis.

If this is ended in the middle, the same command goes on where it was. A configuration file that is there is kept: its
sources stay as they are, and the repository is added. The token is a secret, and comes from a file or standard input.

A machine that was reinstalled, or takes another one's place, joins with a token that replaces (`strongroom fleet invite
NAME --replace`): with a new repository, or with --keep the one that is there.

  strongroom host enrol --token-file -
"""

_CUSTODIAN_SECONDS = 3600.0


def arguments_enrol(parser: argparse.ArgumentParser) -> None:
    """The token, and what this host shall be."""
    parser.description = _DESCRIPTION
    parser.add_argument("--token-file", required=True, metavar="FILE", help="the token; - is standard input")
    parser.add_argument(
        "--custodian", metavar="WORDS", help="refuse a token whose card was not signed by the custodian of these words"
    )
    parser.add_argument(
        "--keep",
        metavar="FILE",
        help="with a token that replaces a host: go on with its repository, whose password is in this file",
    )
    parser.add_argument("--name", metavar="NAME", help="what the fleet calls this host (default: the machine's name)")
    parser.add_argument(
        "--path",
        dest="paths",
        action="append",
        default=[],
        metavar="PATH",
        help="what to back up, where there is no configuration file yet (repeatable)",
    )
    parser.add_argument("--no-backup", action="store_true", help="make no backup now; the schedule makes the first")
    parser.add_argument("--no-timers", action="store_true", help="install no timers; `schedule install` does it later")


def run_enrol(context: Context) -> int:
    """Do what is still to be done, one at a time. Raises ``StrongroomError`` with what happened and what to do."""
    folder = state_folder(default_state_folder())
    os.makedirs(os.path.dirname(folder), 0o700, exist_ok=True)
    with file_lock(f"{folder}.lock", wait=False) as ours:  # beside it: a token that replaces moves the folder away
        if not ours:
            hint = "It goes on by itself, also where it waits for an operator; or end it, and do this again."
            raise Refused("this command runs already on this host", subject=folder, hint=hint)
        return _enrol(context, folder)


def _enrol(context: Context, folder: str) -> int:
    joining = Joining(folder, ProgressFile(folder), strongroom_version(), InterruptibleClock(context.signals))
    token, card = joining.believe(_token(context.arguments.token_file), context.arguments.custodian)
    if card is not None and context.arguments.custodian is None and not joining.progress.done:
        words = words_of(signer_id(card.key))
        context.warn(f"this token speaks for the custodian {words}, who can read the backups: is that yours?")
    name = joining.progress.name or checked_name(context.arguments.name or usual_name())
    if not joining.progress.ticket or joining.progress.ticket != token.ticket.id:
        _say(context, f"joining {token.ticket.url} as {name}")
    try:
        waits = partial(say_waiting, context, folder, name)
        joining.begin(token, name, card, _kept(context.arguments.keep), waits)
    except RefusedByGateway:  # a name there is a key's; any other refusal is not mended by this
        say_key(context, folder, name)
        raise
    path = configuration_path(context)
    _configure(context, joining, path)
    context.arguments.config = path
    context.forget_settings()
    repositories = _repositories(context, joining, card)
    file = context.settings.file
    assert file is not None
    joining.done(repositories, [one.terms() for one in machine_schedules(file)])
    progress = joining.progress
    key = host_key(folder)
    _write_membership(MembershipFile(membership_path(path), progress.url, progress.pin, key.id, progress.name, True))
    _say(context, f"this host is {progress.name} in the fleet of {progress.url}")
    _install(context)
    if not context.arguments.no_backup:
        _await_custodian(context, joining)
    code = exit_codes.OK if context.arguments.no_backup else _first_backup(context)
    return max(code, _diagnose(context))


def _write_membership(member: MembershipFile) -> None:
    """Unless it is there; of what an earlier membership says its own rules stay."""
    known = read_membership(member.path)
    if known is None or known.host != member.host:
        if known is not None:
            member = replace(member, paths=known.paths, requests=known.requests)
        replace_file(member.path, member.text().encode())


def _kept(file: str | None) -> bytes | None:
    """The password of the repository that goes on."""
    if file is None:
        return None
    return decoded(read_marked_text(file, "password file", "Named by --keep.", most=SMALL)).strip() + b"\n"


def _token(file: str) -> str:
    if file == "-":
        return decoded(sys.stdin.buffer.read(SMALL)).decode("utf-8", "replace")
    return decoded(read_marked_text(file, "token file", "Named by --token-file.", most=SMALL)).decode(
        "utf-8", "replace"
    )


def _say(context: Context, text: str) -> None:
    if not context.json:
        context.out.line_now(text)


def _configure(context: Context, joining: Joining, path: str) -> None:
    """Write the configuration file, or add the repositories of this host to the one that is there."""
    folder = os.path.dirname(os.path.abspath(path))
    password = os.path.join(state_folder(default_state_folder()), "password")
    try:
        if not os.path.exists(password):
            write_new(password, secrets.token_urlsafe(32).encode() + b"\n", f"{password}.{os.getpid()}.new")
        os.makedirs(folder, 0o755, exist_ok=True)
        if os.path.lexists(path):
            known = client.read_configuration(path)
            with open(path, encoding="utf-8") as file:
                text = file.read()
        else:
            known = None
            text = first_configuration(joining.progress.profile, context.arguments.paths)
        names = () if known is None else tuple(known.repositories)
        changed = with_repositories(text, names, joining.progress.accesses(), password, moved=joining.progress.replaces)
        client.parse(changed, path)
        if known is None or changed != text:
            replace_file(path, changed.encode())
            _say(context, f"{path}: {'written' if known is None else 'the repository was added'}")
    except OSError as error:
        hint = "Run this as root, or name a file of yours with --config."
        raise ConfigurationError(
            f"cannot be written: {error.strerror}", subject=str(error.filename), hint=hint
        ) from None


def _repositories(context: Context, joining: Joining, card: Card | None) -> list[EnrolledRepository]:
    """Those of the file, made where they are not there yet; with the custodian's key if they are behind a gateway.

    New ones cut files as the first does, so that one pass cuts each file once for all of them.
    """
    found: list[EnrolledRepository] = []
    polynomial = None
    for target in find_targets(context.settings):
        with contextlib.closing(_opened(context, target, polynomial)) as repository:
            polynomial = polynomial or repository.polynomial
            seal = ""
            keeps = joining.progress.keep  # its keys are frozen, and the custodian has one since it was made
            if card is not None and card.recipients and target.url.startswith("rest:") and not keeps:
                put = put_at_gateway(target.url, store_options(context, target))
                seal = give_custody(joining, target.label, repository, card.recipients, put)
            keys = tuple(sorted(info.name.name for info in repository.store.list(Kind.KEY)))
            found.append(EnrolledRepository(target.label.lower(), repository.location, repository.id, keys, seal))
    return found


def _opened(context: Context, target: Target, polynomial: int | None) -> Repository:
    store = store_of(context, target)
    try:
        store.stat(CONFIG)
    except Missing:
        password = passwords.fetch(target.password, label=target.label)
        made = initialise(
            store, password, polynomial=polynomial, surroundings=surroundings(context), cache=cache_of(context),
            state=state_of(context), go_on=True,
        )  # fmt: skip
        _say(context, f"{target.label}: a new repository, {made.id[:10]}")
        return made
    except BaseException:
        store.close()
        raise
    store.close()
    return open_target(context, target)


def _await_custodian(context: Context, joining: Joining) -> None:
    """The first backup waits an hour at most until somebody else could restore it; then it is made all the same."""

    def waits() -> None:
        _say(context, "waiting until the custodian has opened its key, an hour at most; it comes every five minutes")

    found = joining.await_opening(_CUSTODIAN_SECONDS, waits)
    if found == AWAITED:
        context.warn("the custodian has not opened its key: the backup is made all the same, and the server alarms")
    elif found == NOBODY:
        _say(context, "no custodian opens keys at this server yet: until one does, this host alone can restore")


def _install(context: Context) -> None:
    """The timers, where systemd runs this machine and we may write them; else what to type."""
    from strongroom.cli.schedule.units import run_install

    context.arguments.root, context.arguments.sources = "/", []
    if context.arguments.no_timers:
        return
    if systemd_runs() and os.geteuid() == 0:
        run_install(context)
    else:
        _say(context, "next, as root where systemd runs: strongroom schedule install; in a container: schedule run")


def _first_backup(context: Context) -> int:
    """One run of each source that has a schedule, as its timer would make it."""
    from strongroom.cli.schedule.run import run_once

    file = context.settings.file
    assert file is not None
    codes = []
    for schedule in machine_schedules(file):
        try:
            codes.append(run_once(context, schedule, retries=False))
        except StrongroomError as error:
            context.warn(str(error))
            codes.append(exit_codes.of_error(error))
    if not codes:
        raise UsageError("no source has a schedule", subject=file.path, hint='Add one, such as: schedule = "every 24h"')
    return max(codes)


def _diagnose(context: Context) -> int:
    member = member_of(context)
    assert member is not None
    rows = diagnosis(context, member)
    print_rows(context, rows)
    return exit_codes.OK if all(row.good for row in rows) else exit_codes.FAILED
