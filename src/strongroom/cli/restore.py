"""``restore``: bring files back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.archive.restore.run import RestoreOptions, restore
from strongroom.base.errors import Damaged, UsageError
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter
from strongroom.cli.arguments.path_lists import patterns_from
from strongroom.cli.output.text import printable
from strongroom.cli.shared.opening import locked, one_repository
from strongroom.cli.shared.selecting import filter_of, of_snapshot
from strongroom.repository.packs.crowds import load_to_read
from strongroom.repository.selection import find_snapshot

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Bring files back from a snapshot into a folder. Nothing is ever written outside of it, whatever a snapshot holds.

  strongroom restore latest --target /tmp/restored
  strongroom restore latest:/home/ann/Documents --target /tmp/documents
  strongroom restore 2f1c9d0e --target / --include /etc/fstab

What stands there stays until what replaces it is whole. What cannot be restored is named, the rest is restored, and the
exit code is 1. Run as root it brings back owners, devices and all attributes; use --safe for snapshots of hosts that
you do not trust.
"""
_OVERWRITE = ("always", "if-changed", "if-newer", "never")


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``restore``, and ``--safe``."""
    parser.description = _DESCRIPTION
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="an ID or `latest`, perhaps with :FOLDER behind it")
    parser.add_argument(
        "-t", "--target", metavar="FOLDER", help="the folder to restore into; it is made if it does not exist"
    )
    what = parser.add_argument_group("what is restored")
    for flags, metavar, text in (
        (("-i", "--include"), "PATTERN", "restore only what this matches"),
        (("--iinclude",), "PATTERN", "the same, without regard to case"),
        (("--include-file",), "FILE", "read such patterns from a file"),
        (("--iinclude-file",), "FILE", "the same, without regard to case"),
        (("-e", "--exclude"), "PATTERN", "do not restore what this matches"),
        (("--iexclude",), "PATTERN", "the same, without regard to case"),
        (("--exclude-file",), "FILE", "read such patterns from a file"),
        (("--iexclude-file",), "FILE", "the same, without regard to case"),
    ):
        what.add_argument(*flags, action="append", default=[], metavar=metavar, help=text + " (repeatable)")
    add_snapshot_filter(parser, latest_only=True)
    how = parser.add_argument_group("how it is restored")
    how.add_argument(
        "--overwrite",
        choices=_OVERWRITE,
        default="always",
        help="what becomes of files that are there: always compares contents and replaces what differs; if-changed "
        "takes equal size and time for equal; if-newer writes over older files only; never leaves all alone",
    )
    how.add_argument("--delete", action="store_true", help="remove from the target what the snapshot does not have")
    how.add_argument("-n", "--dry-run", action="store_true", help="write nothing, show what would be done")
    how.add_argument("--sparse", action="store_true", help="leave holes where files have zeros")
    how.add_argument("--verify", action="store_true", help="read what was restored and compare it")
    how.add_argument(
        "--ownership-by-name",
        action="store_true",
        help="give files to the users and groups of the same names on this machine, where there are such (not in ACLs)",
    )
    for flag, text in (("--include-xattr", "restore only"), ("--exclude-xattr", "do not restore")):
        how.add_argument(
            flag,
            action="append",
            default=[],
            metavar="PATTERN",
            help=f"{text} extended attributes whose names this matches, such as 'user.*' (repeatable)",
        )
    how.add_argument(
        "--safe", action="store_true", help="leave out setuid bits, devices and security attributes, and say which"
    )


def run(context: Context) -> int:
    """Restore a snapshot or a folder of one."""
    options = _options(context)
    options.check()
    reporter = context.reporter(restoring=True)
    try:
        with one_repository(context) as repository, locked(context, repository):
            found = find_snapshot(repository, context.arguments.snapshot, filter_of(context))
            if repository.unreadable:
                raise Damaged(
                    "a snapshot cannot be read, and might be the one that is meant",
                    subject=f"snapshot {context.arguments.snapshot}",
                    hint="`strongroom snapshots` lists the others; name one by its ID.",
                )
            load_to_read(repository)
            target = printable(str(context.arguments.target))
            reporter.message(f"restoring {of_snapshot(found.id, found.snapshot)} to {target}")
            with context.signals.cooperative(reporter):
                summary = restore(
                    repository,
                    found.snapshot.tree,
                    options,
                    reporter,
                    subfolder=found.subfolder,
                    sources=found.snapshot.paths,
                )
    finally:
        reporter.close()
    if not summary.errors:
        return exit_codes.OK
    message = f"Fatal: {summary.errors} items could not be restored; they are named above"
    if context.json:
        context.out.warn_json({"message_type": "exit_error", "code": exit_codes.FAILED, "message": message})
    else:
        context.out.warn(message)
    return exit_codes.FAILED


def _options(context: Context) -> RestoreOptions:
    arguments = context.arguments
    if not arguments.target:
        raise UsageError(
            "no folder to restore to is given", hint="Name it with --target; `--target /` is the original place."
        )
    return RestoreOptions(
        target=arguments.target,
        includes=(*arguments.include, *patterns_from(arguments.include_file)),
        iincludes=(*arguments.iinclude, *patterns_from(arguments.iinclude_file)),
        excludes=(*arguments.exclude, *patterns_from(arguments.exclude_file)),
        iexcludes=(*arguments.iexclude, *patterns_from(arguments.iexclude_file)),
        overwrite=arguments.overwrite,
        delete=arguments.delete,
        dry_run=arguments.dry_run,
        verify=arguments.verify,
        sparse=arguments.sparse,
        safe=arguments.safe,
        ownership_by_name=arguments.ownership_by_name,
        include_xattrs=tuple(arguments.include_xattr),
        exclude_xattrs=tuple(arguments.exclude_xattr),
    )
