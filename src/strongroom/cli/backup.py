"""``backup``: one pass over the source, a snapshot in each repository."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import typed
from strongroom.cli.arguments.values import at_once, local_time, size, tag_list
from strongroom.cli.shared.backup_jobs import jobs_of
from strongroom.cli.shared.promise_alarms import say_broken
from strongroom.cli.sources.saving import Saved, last_words, save

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

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
    arguments = context.arguments
    named = arguments.paths or arguments.files_from or arguments.files_from_verbatim or arguments.files_from_raw
    if not (named or arguments.stdin or arguments.stdin_from_command):
        from strongroom.cli.sources.run import run_sources, wants_more_than_files

        if wants_more_than_files(context):
            return run_sources(context)
    saved = Saved()
    alarm = False
    try:
        reporter = context.reporter()
        with contextlib.closing(reporter):
            save(context, reporter, jobs_of(context, reporter), saved)
    finally:
        alarm = say_broken(context)
    codes = saved.codes
    code = exit_codes.with_alarm(exit_codes.of_repositories(codes, incomplete=saved.incomplete), alarm=alarm)
    if code != exit_codes.OK:
        last_words(context, code, sum(one != exit_codes.OK for one in codes), len(codes))
    return code
