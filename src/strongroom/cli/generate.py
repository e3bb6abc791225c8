"""``generate``: manual pages, and completions for bash, zsh and fish."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.arguments.argparse_inside import actions_of
from strongroom.cli.output.files import writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context

SHELLS = ("bash", "zsh", "fish")


def arguments(parser: argparse.ArgumentParser) -> None:
    """One file for each shell, as restic's ``generate``; or the shell's name, to print."""
    parser.description = (
        "Write manual pages, or completion files. `strongroom generate bash` prints to standard output."
    )
    parser.add_argument("shell", nargs="?", choices=SHELLS, help="print the completions for this shell")
    parser.add_argument("--man", metavar="FOLDER", help="write a manual page for each command into this folder")
    for shell in SHELLS:
        parser.add_argument(
            f"--{shell}-completion", metavar="FILE", help=f"write completions for {shell} to this file; - prints them"
        )


def run(context: Context) -> int:
    """Write what was asked for. Raises ``UsageError`` when nothing was."""
    files = {shell: getattr(context.arguments, f"{shell}_completion") for shell in SHELLS}
    if context.arguments.shell:
        context.out.write(completion(context.arguments.shell))
    elif not any(files.values()) and not context.arguments.man:
        raise UsageError("nothing to generate", hint="Name a shell: bash, zsh or fish; or a folder with --man.")
    if context.arguments.man:
        count = _write_pages(context.arguments.man)
        if context.verbosity > 0:
            context.out.line(f"{count} manual pages written to {context.arguments.man}")
    for shell, path in files.items():
        if path == "-":
            context.out.write(completion(shell))
        elif path:
            with writing(path) as file:
                file.write(completion(shell).encode())
            if context.verbosity > 0:
                context.out.line(f"{shell} completions written to {path}")
    return 0


def _write_pages(folder: str) -> int:
    """Write a page for each verb and one for all of them; returns how many."""
    from strongroom.cli.arguments import parser as parsing
    from strongroom.cli.output import man
    from strongroom.cli.verbs import VERBS
    from strongroom.cli.version import strongroom_version

    version = strongroom_version()
    pages = {man.file_name(""): man.overview_page({verb.name: verb.summary for verb in VERBS}, version)}
    for verb in VERBS:
        pages[man.file_name(verb.name)] = man.page(verb.name, verb.summary, parsing.build_parser(verb), version)
    os.makedirs(folder, exist_ok=True)
    for name, text in pages.items():
        with writing(os.path.join(folder, name)) as file:
            file.write(text.encode())
    return len(pages)


def completion(shell: str) -> str:
    """The completion script of a shell."""
    import shtab

    parser = whole_parser()
    for one in _all_parsers(parser):
        for action in actions_of(one):
            if action.metavar in ("FILE", "PATH", "FILE/FOLDER", "REPOSITORY"):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.metavar == "FOLDER":
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell=shell))


def _all_parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in actions_of(parser):
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from _all_parsers(one)


def whole_parser() -> argparse.ArgumentParser:
    """All verbs in one parser, the groups as parsers of their own. For completions only: running builds one verb's."""
    from strongroom.cli.arguments import options
    from strongroom.cli.arguments import parser as parsing
    from strongroom.cli.verbs import VERBS

    parser = argparse.ArgumentParser("strongroom", description="Encrypted backups to several repositories at once.")
    options.add_global_options(parser)
    top = parser.add_subparsers()
    groups: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    for verb in VERBS:
        first, _, second = verb.name.partition(" ")
        if second and first not in groups:
            groups[first] = top.add_parser(first, help=f"{first} …").add_subparsers()
        place = groups[first] if second else top
        one = place.add_parser(second or first, help=verb.summary)
        parsing.load(verb, "arguments")(one)
        options.add_global_options(one)
    return parser
