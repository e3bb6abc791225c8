"""``stats``: how much snapshots hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.archive.stats import MODES, Statistics, count
from strongroom.base.quantities import format_bytes
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter
from strongroom.cli.shared.opening import each_repository, locked
from strongroom.cli.shared.selecting import chosen
from strongroom.repository.packs.crowds import load_to_read

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Count files and bytes of all snapshots, or of some. Works on every repository given. The ways to count are:

  restore-size        what restoring them all would write (the default)
  files-by-contents   files, each distinct content once
  blobs-per-file      the pieces of files, each once for each path
  raw-data            the pieces that they need, as stored in the repository
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``stats``."""
    parser.description = _DESCRIPTION
    parser.add_argument("names", nargs="*", metavar="SNAPSHOT", help="count only these: IDs or `latest`")
    parser.add_argument("--mode", choices=MODES, default=MODES[0], help="how to count (default: restore-size)")
    add_snapshot_filter(parser, latest_only=False)


def run(context: Context) -> int:
    """Count in each repository."""
    reporter = context.reporter()
    mode = context.arguments.mode

    def work(repository: Repository, label: str) -> int:
        reporter.repository = label
        with locked(context, repository):
            snapshots, unknown = chosen(context, repository)
            load_to_read(repository)
            if not context.json and context.verbosity > 0:
                context.out.line("scanning...")
            result = count(repository, [snapshot.tree for _, snapshot in snapshots], mode, reporter)
        if context.json:
            context.out.json(_members(result) | ({"repository": label} if label else {}))
        else:
            if label:
                context.out.line(f"repository {label}:")
            for line in _lines(result, mode):
                context.out.line(line)
        return exit_codes.FAILED if result.problems or unknown or repository.unreadable else exit_codes.OK

    return each_repository(context, work)


def _members(result: Statistics) -> dict[str, Any]:
    """restic's keys; as there, only the size is told when it is 0."""
    members: dict[str, Any] = {"total_size": result.total_size}
    if result.total_uncompressed_size:
        members |= {"total_uncompressed_size": result.total_uncompressed_size} | _compression(result)
    if result.total_file_count:
        members["total_file_count"] = result.total_file_count
    if result.total_blob_count:
        members["total_blob_count"] = result.total_blob_count
    return members | {"snapshots_count": result.snapshots_count}


def _compression(result: Statistics) -> dict[str, float]:
    """How well compression did, where any blob is compressed; shares in percent."""
    if not result.compressed_blobs_size or not result.total_uncompressed_size:
        return {}
    return {
        "compression_ratio": result.compressed_blobs_uncompressed_size / result.compressed_blobs_size,
        "compression_progress": 100 * result.compressed_blobs_uncompressed_size / result.total_uncompressed_size,
        "compression_space_saving": 100 * (1 - result.total_size / result.total_uncompressed_size),
    }


def _lines(result: Statistics, mode: str) -> Iterator[str]:
    yield f"Stats in {mode} mode:"
    yield f"     Snapshots processed:  {result.snapshots_count}"
    if result.total_blob_count:
        yield f"        Total Blob Count:  {result.total_blob_count}"
    if result.total_file_count:
        yield f"        Total File Count:  {result.total_file_count}"
    if result.total_uncompressed_size:
        yield f" Total Uncompressed Size:  {format_bytes(result.total_uncompressed_size)}"
    yield f"              Total Size:  {format_bytes(result.total_size):<5}"
    shares = _compression(result) if mode == "raw-data" else {}
    if shares:
        yield f"    Compression Progress:  {shares['compression_progress']:.2f}%"
        yield f"       Compression Ratio:  {shares['compression_ratio']:.2f}x"
        yield f"Compression Space Saving:  {shares['compression_space_saving']:.2f}%"
