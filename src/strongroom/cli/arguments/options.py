"""The global options: understood before and after every verb.

All default to None (or an empty list), so that what was given can be told from what was not: the environment and the
file come after. Repositories and passwords append to one ordered list each, kinds mixed, because the n-th password
belongs to the n-th repository.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from strongroom.base.record import record
from strongroom.cli.arguments import values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def typed(parse: Callable[[str], object]) -> Callable[[str], object]:
    """A parser of ``values`` for argparse, which shows the sentence of an ``ArgumentTypeError`` only."""

    def convert(text: str) -> object:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


class AppendKind(argparse.Action):
    """Append ``(the option's long name without dashes, its value)`` to a list that several options share."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse calls it so
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        so_far = list(getattr(namespace, self.dest) or [])
        so_far.append((self.option_strings[-1].lstrip("-"), values if isinstance(values, str) else ""))
        setattr(namespace, self.dest, so_far)


@record
class Option:
    """A global option: its names, the heading it stands under, whether a value follows, and argparse's arguments."""

    flags: tuple[str, ...]
    heading: str
    takes_value: bool
    keywords: dict[str, Any]


def _flag(heading: str, *flags: str, help: str, **keywords: Any) -> Option:
    return Option(flags, heading, False, {"action": "store_true", "default": None, "help": help, **keywords})


def _value(heading: str, *flags: str, help: str, metavar: str, **keywords: Any) -> Option:
    return Option(flags, heading, True, {"help": help, "metavar": metavar, **keywords})


_REPOSITORY = "which repository"
_OUTPUT = "what is shown"
_STORE = "how objects are stored and fetched"
_NETWORK = "network"
_LOCAL = "locks, cache and files on this machine"

GLOBAL_OPTIONS: tuple[Option, ...] = (
    _value(
        _REPOSITORY,
        "-r",
        "--repo",
        dest="repositories",
        action=AppendKind,
        metavar="REPOSITORY",
        help="a folder, a URL such as rest:https://host:8000/me/, or a name from the configuration file; "
        "give it once for each repository (default: $RESTIC_REPOSITORY, then the file)",
    ),
    _value(
        _REPOSITORY,
        "--repository-file",
        dest="repositories",
        action=AppendKind,
        metavar="FILE",
        help="a file that holds the repository's place (default: $RESTIC_REPOSITORY_FILE)",
    ),
    _value(
        _REPOSITORY,
        "-p",
        "--password-file",
        dest="passwords",
        action=AppendKind,
        metavar="FILE",
        help="read the password from this file. Password options are used in the order in which they stand, "
        "one for all repositories or one for each (default: $RESTIC_PASSWORD_FILE)",
    ),
    _value(
        _REPOSITORY,
        "--password-command",
        dest="passwords",
        action=AppendKind,
        metavar="COMMAND",
        help="run this command and read the password from its output (default: $RESTIC_PASSWORD_COMMAND)",
    ),
    Option(
        ("--insecure-no-password",),
        _REPOSITORY,
        False,
        {"dest": "passwords", "action": AppendKind, "nargs": 0, "help": "use an empty password; anybody can then read"},
    ),
    _value(
        _REPOSITORY,
        "--key-hint",
        metavar="KEY",
        help="ID of the key to try first (default: $RESTIC_KEY_HINT)",
    ),
    _flag(
        _REPOSITORY,
        "--accept-repository",
        help="write to a repository that this machine does not know, at a place where it knows another, and know both "
        "from then on: for disks that take turns (default: $STRONGROOM_ACCEPT_REPOSITORY)",
    ),
    _value(_REPOSITORY, "--config", metavar="FILE", help="the configuration file to use (default: $STRONGROOM_CONFIG)"),
    _flag(_OUTPUT, "--json", help="write JSON for programs, with restic's events and names"),
    _flag(_OUTPUT, "-q", "--quiet", help="show no progress and no summary"),
    Option(
        ("-v", "--verbose"),
        _OUTPUT,
        False,
        {"action": "count", "default": None, "help": "show more; -vv shows every file (also --verbose=N)"},
    ),
    _flag(_OUTPUT, "--debug", help="show where in the program an error arose"),
    _value(
        _STORE,
        "--compression",
        metavar="MODE",
        type=typed(values.compression),
        help="auto, off, fastest, better or max (default: $RESTIC_COMPRESSION, then auto)",
    ),
    _value(
        _STORE,
        "--pack-size",
        metavar="MIB",
        type=typed(values.pack_size),
        help="size that pack files aim at, in MiB, 4 to 128 (default: $RESTIC_PACK_SIZE, then 16)",
    ),
    _flag(_STORE, "--no-extra-verify", help="do not decrypt and compare each blob again before it is uploaded"),
    _value(
        _STORE,
        "-o",
        "--option",
        dest="extended",
        action="extend",
        type=typed(values.key_values),
        metavar="KEY=VALUE",
        help="an option of the kind of store in use, such as rest.connections=10; several with commas (repeatable)",
    ),
    _value(
        _NETWORK,
        "--limit-upload",
        metavar="KIB",
        type=typed(values.rate),
        help="upload no faster than this many KiB a second",
    ),
    _value(
        _NETWORK,
        "--limit-download",
        metavar="KIB",
        type=typed(values.rate),
        help="download no faster than this many KiB a second",
    ),
    _value(
        _NETWORK,
        "--cacert",
        action="extend",
        type=typed(values.listed),
        metavar="FILE",
        help="trust these certificates (PEM; several with commas; repeatable; default: $RESTIC_CACERT)",
    ),
    _value(
        _NETWORK,
        "--tls-client-cert",
        metavar="FILE",
        help="show this certificate to the server; certificate and key in PEM (default: $RESTIC_TLS_CLIENT_CERT)",
    ),
    _flag(_NETWORK, "--insecure-tls", help="do not check the server's certificate (insecure)"),
    _value(_NETWORK, "--http-user-agent", metavar="TEXT", help="what to call ourselves in HTTP requests"),
    _value(
        _NETWORK,
        "--stuck-request-timeout",
        metavar="DURATION",
        type=typed(values.duration),
        help="give up a request that does not move for so long, and try it again (default: 5m)",
    ),
    _flag(_LOCAL, "--no-lock", help="take no lock; for reading from where nothing can be written"),
    _value(
        _LOCAL,
        "--retry-lock",
        metavar="DURATION",
        type=typed(values.duration),
        help="keep trying for so long when another process holds a lock, such as 5m",
    ),
    _value(_LOCAL, "--cache-dir", metavar="FOLDER", help="where the local cache lies (default: $RESTIC_CACHE_DIR)"),
    _flag(_LOCAL, "--no-cache", help="use no local cache"),
    _flag(_LOCAL, "--cleanup-cache", help="remove caches that were not used for 30 days"),
)


def value_flags() -> frozenset[str]:
    """The global options that a value follows."""
    return frozenset(flag for option in GLOBAL_OPTIONS if option.takes_value for flag in option.flags)


def plain_flags() -> frozenset[str]:
    """The global options that stand alone."""
    return frozenset(flag for option in GLOBAL_OPTIONS if not option.takes_value for flag in option.flags)


def add_global_options(parser: argparse.ArgumentParser) -> None:
    """Declare the global options on a verb's parser, under their headings."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in GLOBAL_OPTIONS:
        if option.heading not in groups:
            groups[option.heading] = parser.add_argument_group(option.heading)
        groups[option.heading].add_argument(*option.flags, **option.keywords)


def add_from_options(parser: argparse.ArgumentParser, heading: str = "the repository to take parameters from") -> None:
    """``--from-*``: a second repository, read only. What is not given falls back to the main options."""
    group = parser.add_argument_group(heading)
    group.add_argument(
        "--from-repo", "--from", metavar="REPOSITORY", help="its place or name (default: $RESTIC_FROM_REPOSITORY)"
    )
    group.add_argument("--from-repository-file", metavar="FILE", help="a file that holds its place")
    group.add_argument(
        "--from-password-file",
        dest="from_passwords",
        action=AppendKind,
        metavar="FILE",
        help="its password's file (default: $RESTIC_FROM_PASSWORD_FILE, then the main password)",
    )
    group.add_argument(
        "--from-password-command",
        dest="from_passwords",
        action=AppendKind,
        metavar="COMMAND",
        help="a command that prints its password (default: $RESTIC_FROM_PASSWORD_COMMAND)",
    )
    group.add_argument(
        "--from-insecure-no-password", dest="from_passwords", action=AppendKind, nargs=0, help="its password is empty"
    )
    group.add_argument("--from-key-hint", metavar="KEY", help="ID of the key to try first")


def add_snapshot_filter(parser: argparse.ArgumentParser, *, latest_only: bool, shorthand: bool = True) -> None:
    """``--host`` (``-H`` unless the verb needs that letter), ``--path`` and ``--tag``; repeated ones add up."""
    what = "with `latest`, look only at" if latest_only else "take only"
    group = parser.add_argument_group("which snapshots")
    group.add_argument(
        *(["-H"] if shorthand else []),
        "--host",
        dest="hosts",
        action="append",
        metavar="HOST",
        help=f"{what} snapshots of this host (default: $RESTIC_HOST; '' for any)",
    )
    group.add_argument("--path", dest="paths", action="append", metavar="PATH", help=f"{what} snapshots with this path")
    group.add_argument(
        "--tag",
        dest="tags",
        action="append",
        type=typed(values.tag_list),
        metavar="TAG[,TAG…]",
        help=f"{what} snapshots that have all these tags",
    )
