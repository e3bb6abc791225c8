"""``backup``: one pass over the source, a snapshot in each repository."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.archive.backup.options import MEBIBYTE, BackupJob, BackupMember, BackupTarget
from strongroom.archive.backup.run import back_up
from strongroom.base.errors import StrongroomError
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import typed
from strongroom.cli.arguments.values import at_once, local_time, size, tag_list
from strongroom.cli.shared import streams
from strongroom.cli.shared.admitting import admit
from strongroom.cli.shared.backup_jobs import jobs_of
from strongroom.cli.shared.failure import sentence
from strongroom.cli.shared.opening import check_promises, open_with, password_of, say_failure
from strongroom.cli.shared.promise_alarms import say_broken

if TYPE_CHECKING:
    import argparse

    from strongroom.archive.backup.options import BackupResult
    from strongroom.archive.backup.stall_watch import StallWatch
    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Save files and folders as a new snapshot, in one pass to every repository given.

Without paths the sources of the configuration file are saved, each to its repositories. Only what the repository
does not have yet is stored. A file that cannot be read is reported and the rest is saved (exit code 3).

  strongroom backup --repo /backup/local --repo rest:http://host:8000/me/ ~/Documents /etc
  strongroom backup                                  everything that the configuration file names
  strongroom backup --exclude '*.tmp' --tag nightly /srv
  strongroom backup --stdin-from-command -- pg_dump shop
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``backup``, and ``--source``."""
    parser.description = _DESCRIPTION
    parser.add_argument("paths", nargs="*", metavar="FILE/FOLDER", help="what to save")
    what = parser.add_argument_group("what is saved")
    what.add_argument(
        "--source",
        dest="sources",
        action="append",
        default=[],
        metavar="NAME",
        help="save only this source of the configuration file",
    )
    _list(what, "--files-from", "FILE", "read paths from a file: patterns, one a line, # for comments")
    _list(what, "--files-from-verbatim", "FILE", "read paths from a file: exactly as they stand, one a line")
    _list(what, "--files-from-raw", "FILE", "read paths from a file: each ends with a NUL byte")
    what.add_argument("--stdin", action="store_true", help="save what comes from standard input as one file")
    what.add_argument(
        "--stdin-from-command", action="store_true", help="save what the command behind -- prints; it must exit with 0"
    )
    what.add_argument(
        "--stdin-filename", default="stdin", metavar="NAME", help="how that file is called (default: stdin)"
    )
    what.add_argument("-x", "--one-file-system", action="store_true", help="do not cross into other file systems")
    left = parser.add_argument_group("what is left out")
    _list(left, "--exclude", "PATTERN", "leave out what this pattern matches", "-e")
    _list(left, "--iexclude", "PATTERN", "the same, without regard to case")
    _list(left, "--exclude-file", "FILE", "leave out what the patterns in this file match, one a line")
    _list(left, "--iexclude-file", "FILE", "the same, without regard to case")
    _list(left, "--exclude-if-present", "NAME[:HEADER]", "leave out the contents of folders that hold such a file")
    left.add_argument("--exclude-caches", action="store_true", help="leave out folders marked with a CACHEDIR.TAG")
    left.add_argument(
        "--exclude-larger-than", type=typed(size), metavar="SIZE", help="leave out files above this size, such as 4G"
    )
    label = parser.add_argument_group("what the snapshot says")
    label.add_argument(
        "-H", "--host", metavar="NAME", help="the host that it names (default: $RESTIC_HOST, then this one)"
    )
    label.add_argument(
        "--tag",
        dest="tags",
        action="append",
        type=typed(tag_list),
        metavar="TAG[,TAG…]",
        help="give the snapshot these tags",
    )
    label.add_argument(
        "--time",
        type=typed(local_time),
        metavar="TIME",
        help="the time that it names, such as '2012-11-01 22:08:41' (default: now)",
    )
    label.add_argument("--with-atime", action="store_true", help="store times of last access")
    _comparing(parser.add_argument_group("what counts as changed"))
    how = parser.add_argument_group("how it runs")
    how.add_argument("-n", "--dry-run", action="store_true", help="store nothing, show what would be done")
    how.add_argument("--skip-if-unchanged", action="store_true", help="write no snapshot when nothing has changed")
    how.add_argument("--read-concurrency", type=typed(at_once), metavar="N", help="how many files are read at once")
    how.add_argument(
        "--spool",
        type=typed(size),
        metavar="SIZE",
        help="disk space for packs that wait for a slow repository (default: 2G)",
    )
    how.add_argument("--no-scan", action="store_true", help="do not count the files first; then no time left is shown")


def _list(group: argparse._ArgumentGroup, flag: str, metavar: str, text: str, *short: str) -> None:
    group.add_argument(*short, flag, action="append", default=[], metavar=metavar, help=text + " (repeatable)")


def _comparing(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--parent", metavar="SNAPSHOT", help="compare with this snapshot (default: the last that this host saved)"
    )
    group.add_argument("-f", "--force", action="store_true", help="compare with nothing, read everything")
    group.add_argument("--ignore-inode", action="store_true", help="do not look at inode numbers and ctime")
    group.add_argument("--ignore-ctime", action="store_true", help="do not look at ctime")
    group.add_argument(
        "-g",
        "--group-by",
        default="host,paths",
        metavar="GROUP",
        help="what `--parent latest` compares: host,paths,tags",
    )


def run(context: Context) -> int:
    """Do every job; the exit code is the worst that holds (see ``exit_codes.of_repositories``)."""
    codes: list[int] = []
    incomplete = alarm = False
    try:
        incomplete = _jobs(context, codes)
    finally:
        alarm = say_broken(context)
    code = exit_codes.with_alarm(exit_codes.of_repositories(codes, incomplete=incomplete), alarm=alarm)
    if code != exit_codes.OK:
        _last_words(context, code, sum(one != exit_codes.OK for one in codes), len(codes))
    return code


def _jobs(context: Context, codes: list[int]) -> bool:
    """Do them, and add the code of each repository to ``codes``. Whether something of a source is missing."""
    reporter = context.reporter()
    with contextlib.ExitStack() as stack:
        stack.callback(reporter.close)
        plans = jobs_of(context, reporter)
        targets = {target.url: target for one in plans for target in one.targets}
        several = len(targets) > 1
        reporter.label_repositories = several
        context.signals.locks()
        opening = _Opening(context, stack)
        # One after the other and before anything else, since a person may be asked for them.
        members = {url: opening.member(target) for url, target in targets.items()}
        jobs = [
            BackupJob(
                stack.enter_context(streams.opened(context, one.options)),
                tuple(members[target.url] for target in one.targets),
            )
            for one in plans
        ]
        errors: list[StrongroomError] = []
        said: set[tuple[str, int]] = set()

        def show(_job: BackupJob, result: BackupResult) -> None:
            error = result.error
            if error is not None:
                if several and (result.label, id(error)) not in said:  # what keeps one closed is so for each job
                    said.add((result.label, id(error)))
                    say_failure(context, result.label, error)
                errors.append(error)
                result.summary.failure = sentence(error)
            result.summary.repository = result.label if several else ""
            if error is None or several:
                reporter.backup_summary(result.summary)
            codes.append(exit_codes.of_error(error) if error is not None else exit_codes.OK)

        with context.signals.cooperative(reporter):
            outcomes = back_up(jobs, reporter, show)
        if errors and not several:
            raise errors[0]
    return any(one.incomplete for one in plans) or any(outcome.incomplete for outcome in outcomes)


def _last_words(context: Context, code: int, failed: int, asked: int) -> None:
    """What the exit code means, in restic's words where it has some."""
    text = f"Fatal: {failed} of {asked} snapshots were not made; the reasons stand above"
    if code == exit_codes.INCOMPLETE:
        text = "Warning: at least one source file could not be read"
    if code == exit_codes.PROMISE_BROKEN:
        text = "Warning: the snapshots were made, but a gateway is not to be trusted; the reasons stand above"
    if context.json:
        context.out.warn_json({"message_type": "exit_error", "code": code, "message": text})
    else:
        context.out.warn(text)


class _Opening:
    """How the repositories of all jobs are opened, each once and in a thread of its own; closed by the stack."""

    def __init__(self, context: Context, stack: contextlib.ExitStack) -> None:
        self._context = context
        self._stack = stack

    def member(self, target: Target) -> BackupMember:
        """A repository, and how its password is fetched and it is opened."""
        password = password_of(self._context, target)

        def open_it(standing: StallWatch) -> BackupTarget:
            repository = open_with(self._context, target, password(), standing)
            self._stack.callback(repository.close)
            check_promises(self._context, target)
            return _backup_target(self._context, target, repository)

        return BackupMember(target.label, open_it)


def _backup_target(context: Context, target: Target, repository: Repository) -> BackupTarget:
    settings, name = context.settings, target.name
    if not context.arguments.dry_run:
        admit(context, repository)
    return BackupTarget(
        repository,
        target.label,
        settings.get("compression", name).value,
        settings.get("pack_size", name).value * MEBIBYTE,
    )
