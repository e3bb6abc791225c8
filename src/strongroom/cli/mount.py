"""``mount``: the snapshots as folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter
from strongroom.cli.shared.opening import locked, one_repository, targets_of
from strongroom.cli.shared.selecting import filter_of
from strongroom.mount.folders import DEFAULT_TEMPLATES
from strongroom.mount.go_layout import RFC3339
from strongroom.repository.packs.crowds import load_to_read
from strongroom.storage.locate import split_scheme

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Show the snapshots as folders of a read-only file system (FUSE), until it is interrupted or unmounted.

Snapshots stand in ids, snapshots, hosts and tags, with a link `latest` beside them; new ones appear by themselves.

  strongroom mount /mnt/backup
  cp /mnt/backup/snapshots/latest/home/ann/letter.odt .
  fusermount3 -u /mnt/backup                         or Ctrl-C where it runs

A path template may hold %i (short ID), %I (long ID), %u (user), %h (host), %t (tags) and %T (time). A time template
shows how this moment would be written: Mon Jan 2 15:04:05 -0700 MST 2006.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``mount``."""
    parser.description = _DESCRIPTION
    parser.add_argument("mountpoint", metavar="MOUNTPOINT", help="an empty folder")
    parser.add_argument(
        "--path-template",
        dest="templates",
        action="append",
        metavar="TEMPLATE",
        help=f"where snapshots stand, repeatable (default: {', '.join(DEFAULT_TEMPLATES)})".replace("%", "%%"),
    )
    parser.add_argument(
        "--time-template",
        "--snapshot-template",
        dest="layout",
        default=RFC3339,
        metavar="TEMPLATE",
        help=f"how times are written (default: {RFC3339})",
    )
    parser.add_argument("--allow-other", action="store_true", help="let other users look, too")
    parser.add_argument(
        "--no-default-permissions",
        action="store_true",
        help="with --allow-other, let them read every file, whatever its permissions say",
    )
    parser.add_argument("--owner-root", action="store_true", help="show root as the owner of all files")
    add_snapshot_filter(parser, latest_only=False)


def run(context: Context) -> int:
    """Mount, and wait until it is over. Files that cannot be read are warnings; programs there get an error."""
    from strongroom.mount import mountpoint
    from strongroom.mount.serve import MountOptions, serve

    arguments = context.arguments
    if not arguments.layout or arguments.layout.startswith("/") or arguments.layout.endswith("/"):
        raise UsageError(
            "a time template is not empty, and neither begins nor ends with a slash", subject="--time-template"
        )
    local = [os.path.expanduser(place) for scheme, place in map(split_scheme, _urls(context)) if scheme == "local"]
    place = mountpoint.check(arguments.mountpoint, local)
    mountpoint.check_fuse()
    context.signals.hear_interrupts()  # restic's scripts end a mount in the background by `kill -INT`
    reporter = context.reporter()
    options = MountOptions(
        filter_of(context),
        tuple(arguments.templates or DEFAULT_TEMPLATES),
        arguments.layout,
        arguments.allow_other,
        arguments.owner_root,
        not arguments.no_default_permissions,
    )
    with one_repository(context) as repository, locked(context, repository):
        load_to_read(repository)
        with context.signals.cooperative(reporter):
            serve(repository, place, options, stop=reporter.stop, warn=context.warn, mounted=lambda: _say(context))
    return exit_codes.OK


def _urls(context: Context) -> list[str]:
    return [target.url for target in targets_of(context)]


def _say(context: Context) -> None:
    if context.verbosity > 0 and not context.json:
        context.out.line(f"Now serving the repository at {context.arguments.mountpoint}")
        context.out.line("Use another terminal or tool to browse the contents of this folder.")
        context.out.write("When finished, quit with Ctrl-c here or umount the mountpoint.\n", flush=True)
