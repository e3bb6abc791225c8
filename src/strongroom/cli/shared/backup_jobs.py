"""From options and file to backup jobs: what is saved, under which conditions, into which repositories."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from strongroom.archive.backup.options import BackupOptions
from strongroom.base.errors import UsageError
from strongroom.base.record import record, replace
from strongroom.cli.arguments import path_lists, values
from strongroom.cli.shared.opening import cache_of, state_of, targets_of
from strongroom.cli.shared.selecting import grouping
from strongroom.storage.locate import split_scheme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strongroom.archive.backup.options import Stream
    from strongroom.base.progress import Reporter
    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target

_CACHE_TAG = "CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55"


@record
class Job:
    """One pass: its options, its repositories, and whether a path that was named is not there."""

    options: BackupOptions
    targets: tuple[Target, ...]
    incomplete: bool = False


def jobs_of(context: Context, reporter: Reporter) -> list[Job]:
    """The jobs of this command line: one for the paths given, or one for each source of the file.

    A source of which nothing is there, such as a disk that is not mounted, keeps no other from being saved; the run is
    incomplete then. Raises ``UsageError`` when there is nothing to save.
    """
    arguments, targets = context.arguments, targets_of(context)
    if arguments.stdin or arguments.stdin_from_command:
        _refuse_paths_beside_a_stream(arguments)
        if arguments.stdin and any(target.password is None for target in targets):
            hint = "Use --password-file or --password-command."
            raise UsageError("standard input cannot hold both the password and the data", hint=hint)
        return [Job(_options(context, {}, "", (), targets), tuple(targets))]
    paths = _paths_given(arguments, reporter)
    if paths:
        if arguments.sources:
            raise UsageError("both paths and --source are given", hint="Leave out one of them.")
        return [_job(context, reporter, {}, "", paths, targets)]
    sources = {name: (table, [_expanded(path) for path in table["paths"]]) for name, table in _sources(context).items()}
    gone = [name for name, (_, paths) in sources.items() if all(map(_obstacle, paths))]
    if 0 < len(gone) < len(sources):
        for name in gone:
            _, paths = sources.pop(name)
            reporter.error(name, f"nothing of this source {_none(paths)}, skipping it", "scan")
    jobs = [
        _job(context, reporter, table, name, paths, _targets(context, table, targets))
        for name, (table, paths) in sources.items()
    ]
    return [replace(job, incomplete=True) for job in jobs] if gone else jobs


def chosen_sources(context: Context) -> dict[str, Mapping[str, Any]]:
    """The tables of the sources that are asked for, by name. Raises ``UsageError`` for an unknown one, and for none."""
    return _sources(context)


def jobs_of_source(
    context: Context, reporter: Reporter, name: str, targets: Sequence[Target], streams: Sequence[Stream]
) -> list[Job]:
    """The jobs of one source: one for each stream, and one for its paths, if it has any. Raises ``UsageError``."""
    table = _sources(context)[name]
    chosen = _targets(context, table, targets)
    plain = replace(_options(context, table, name, (), chosen), excludes=(), iexcludes=(), recorded_excludes=())
    jobs = [Job(replace(plain, stream=stream, others_go_on=True), tuple(chosen)) for stream in streams]
    if "paths" in table:
        jobs.append(_job(context, reporter, table, name, [_expanded(path) for path in table["paths"]], chosen))
    return jobs


def _job(
    context: Context,
    reporter: Reporter,
    table: Mapping[str, Any],
    source: str,
    paths: Sequence[bytes],
    targets: Sequence[Target],
) -> Job:
    """A job for those of the paths that are there. Raises ``UsageError`` when none is."""
    obstacles = [(path, _obstacle(path)) for path in paths]
    there = [path for path, why in obstacles if not why]
    missing = [(path, why) for path, why in obstacles if why]
    for path, why in missing:
        reporter.skipped(path, why)
    if not there:
        where = f" of source {source}" if source else ""
        if _none(paths) == "exists":
            what, hint = f"all source directories/files{where} do not exist", "Check the paths."
        else:
            what = f"nothing{where} of what shall be backed up can be accessed"
            hint = "Look at who may enter the folders above."
        raise UsageError(what, hint=hint)
    for path in there:
        if os.path.islink(path) and os.path.isdir(path):
            reporter.warning(
                f"{os.fsdecode(path)}: is a link, and saved as a link; for what it leads to, name "
                + os.fsdecode(os.path.realpath(path))
            )
    return Job(_options(context, table, source, there, targets), tuple(targets), bool(missing))


def _obstacle(path: bytes) -> str:
    """Why a path cannot be saved, as half a sentence; empty when it is there."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "does not exist"
    except OSError as error:
        return f"cannot be accessed: {error.strerror}"
    return ""


def _none(paths: Sequence[bytes]) -> str:
    """What none of these paths does."""
    return "exists" if all(_obstacle(path) == "does not exist" for path in paths) else "can be accessed"


def _paths_given(arguments: Any, reporter: Reporter) -> list[bytes]:
    """In restic's order, which decides where two of the same name stand."""
    paths = list(path_lists.files_from(arguments.files_from, reporter.warning))
    paths += path_lists.files_from_verbatim(arguments.files_from_verbatim)
    paths += path_lists.files_from_raw(arguments.files_from_raw)
    paths += [os.fsencode(path) for path in arguments.paths]
    if any(not path or b"\0" in path for path in paths):
        raise UsageError("an empty path is given", hint="Perhaps a variable that should hold it is not set.")
    if not paths and (arguments.files_from or arguments.files_from_verbatim or arguments.files_from_raw):
        raise UsageError("the lists of files are empty", hint="Look at what wrote them.")
    return paths


def _refuse_paths_beside_a_stream(arguments: Any) -> None:
    lists = arguments.files_from or arguments.files_from_verbatim or arguments.files_from_raw or arguments.sources
    if lists or (arguments.paths and not arguments.stdin_from_command):
        raise UsageError("both standard input and paths shall be saved", hint="Leave out one of them.")
    if arguments.stdin_from_command and not arguments.paths:
        raise UsageError("--stdin-from-command needs a command", hint="Write it behind --, such as: -- pg_dump shop")


def _sources(context: Context) -> dict[str, Mapping[str, Any]]:
    file = context.settings.file
    chosen: list[str] = context.arguments.sources
    if file is None or not file.sources:
        hint = "Name files or folders, or sources in a configuration file (`strongroom config generate`)."
        raise UsageError("nothing to backup, please specify source files/dirs", hint=hint)
    for name in chosen:
        if name not in file.sources:
            raise UsageError("no such source", subject=name, hint=f"{file.path} has: {', '.join(file.sources)}.")
    return {name: table for name, table in file.sources.items() if not chosen or name in chosen}


def _targets(context: Context, table: Mapping[str, Any], targets: Sequence[Target]) -> Sequence[Target]:
    """The repositories of a source; those of options or the environment stand before the file's choice."""
    file = context.settings.file
    if file is None or "repositories" not in table or targets[0].origin != file.path:
        return targets
    return [target for target in targets if target.name in table["repositories"]]


def _expanded(path: str) -> bytes:
    return os.fsencode(os.path.expanduser(path))


def _options(
    context: Context, table: Mapping[str, Any], source: str, paths: Sequence[bytes], targets: Sequence[Target]
) -> BackupOptions:
    """What holds for one job: options before the source's table; a list replaces the other."""
    arguments, settings = context.arguments, context.settings

    def chosen(name: str, key: str | None = None) -> Any:
        given = getattr(arguments, name)
        return given if given else table.get(key or name, given)

    excludes, iexcludes = chosen("exclude"), chosen("iexclude")
    largest = chosen("exclude_larger_than")
    present = [*chosen("exclude_if_present"), *([_CACHE_TAG] if chosen("exclude_caches") else [])]
    tags = [tag for one in arguments.tags or () for tag in one] or list(table.get("tags", ()))
    return BackupOptions(
        paths=tuple(paths),
        excludes=(*excludes, *path_lists.patterns_from(chosen("exclude_file"))),
        iexcludes=(*iexcludes, *path_lists.patterns_from(chosen("iexclude_file"))),
        recorded_excludes=tuple(excludes),
        exclude_if_present=tuple(_tag_file(text) for text in present),
        exclude_larger_than=_size(largest) if isinstance(largest, str) else largest,
        one_file_system=chosen("one_file_system"),
        host=settings.get("host").value or table.get("host", ""),
        tags=tuple(tags),
        time_ns=values.nanoseconds(arguments.time) if arguments.time else None,
        parent=arguments.parent,
        group_by=grouping(arguments.group_by),
        force=arguments.force,
        ignore_inode=chosen("ignore_inode"),
        ignore_ctime=chosen("ignore_ctime"),
        with_atime=chosen("with_atime"),
        dry_run=arguments.dry_run,
        skip_if_unchanged=chosen("skip_if_unchanged"),
        read_concurrency=settings.get("read_concurrency").value,
        extra_verify=not settings.get("no_extra_verify").value,
        no_scan=arguments.no_scan or not context.reporter_wants_totals,
        spool_bytes=settings.get("spool").value,
        retry_lock_seconds=settings.get("retry_lock").value,
        own_folders=_own_folders(context, targets),
        source=source,
    )


def _size(text: str) -> int:
    try:
        return values.size(text)
    except ValueError as error:
        raise UsageError(str(error), subject="exclude_larger_than") from None


def _tag_file(text: str) -> tuple[bytes, bytes | None]:
    """``NAME`` or ``NAME:what it must begin with``."""
    name, colon, header = text.partition(":")
    if not name or "/" in name:
        hint = "Give a file's name, perhaps with :HEADER behind it."
        raise UsageError("not the name of a file", subject=f"--exclude-if-present {text}", hint=hint)
    return os.fsencode(name), os.fsencode(header) if colon else None


def _own_folders(context: Context, targets: Sequence[Target]) -> tuple[bytes, ...]:
    """Our cache, our state and the repositories on this machine: backing those up would never end."""
    cache = cache_of(context)
    folders = [state_of(context).folder, *([cache.folder] if cache is not None else [])]
    places = (split_scheme(target.url) for target in targets)
    folders += [os.path.expanduser(place) for scheme, place in places if scheme == "local"]
    return tuple(os.fsencode(os.path.abspath(folder)) for folder in folders)
