"""``key list``, ``key add``, ``key remove`` and ``key passwd``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.configuration.checks import PasswordSource
from strongroom.cli.arguments.times import local_text
from strongroom.cli.output.table import table
from strongroom.cli.output.text import printable
from strongroom.cli.shared import passwords
from strongroom.cli.shared.opening import locked, one_repository
from strongroom.repository.key_removal import change_password, remove_key
from strongroom.repository.keyring import add_key, list_keys
from strongroom.storage.removal import removal_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_list(parser: argparse.ArgumentParser) -> None:
    """No options beyond the global ones."""
    parser.description = "List the keys of a repository. The one in use is marked with a star."


def run_list(context: Context) -> int:
    """Print the keys."""
    with one_repository(context) as repository, locked(context, repository):
        keys = list_keys(repository)
    if context.json:
        context.out.json(
            [
                {
                    "current": key.current,
                    "id": key.id,
                    "userName": key.username,
                    "hostName": key.hostname,
                    "created": local_text(key.created),
                }
                for key in keys
            ]
        )
        return 0
    rows = [
        (
            f"{'*' if key.current else ' '}{key.id[:8]}",
            printable(key.username),
            printable(key.hostname),
            local_text(key.created or "0001-01-01T00:00:00Z"),
        )
        for key in keys
    ]
    for line in table((" ID", "User", "Host", "Created"), rows):
        context.out.line(line)
    return 0


def _new_password_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--new-password-file", metavar="FILE", help="read the new password from this file")
    parser.add_argument("--new-insecure-no-password", action="store_true", help="make the new password empty")
    parser.add_argument("--user", metavar="NAME", help="the user name to note in the key (default: yours)")
    parser.add_argument("--host", metavar="NAME", help="the host name to note in the key (default: this host's)")


def _new_password(context: Context, label: str) -> bytes:
    source: PasswordSource | None = None
    if context.arguments.new_insecure_no_password:
        source = PasswordSource("none", origin="--new-insecure-no-password")
    elif context.arguments.new_password_file:
        source = PasswordSource("file", context.arguments.new_password_file, origin="--new-password-file")
    return passwords.fetch(source, label=label, new=True)


def arguments_add(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``key add``."""
    parser.description = "Add a key, so that another password opens the repository, too."
    _new_password_options(parser)


def run_add(context: Context) -> int:
    """Add the key and say which ID it has."""
    with one_repository(context) as repository, locked(context, repository, writing=True):
        password = _new_password(context, repository.location)
        key_id = add_key(repository, password, hostname=context.arguments.host, username=context.arguments.user)
    if context.verbosity > 0:
        context.out.line(f"saved new key with ID {key_id}")
    return 0


def arguments_remove(parser: argparse.ArgumentParser) -> None:
    """Which key."""
    parser.description = "Remove a key: its password opens the repository no more. The key in use cannot be removed."
    parser.add_argument("id", metavar="ID", help="the key's ID, or enough of its beginning")


def run_remove(context: Context) -> int:
    """Remove the key."""
    with one_repository(context) as repository, locked(context, repository, exclusive=True, writing=True):
        key_id = remove_key(repository, removal_of(repository.store), context.arguments.id)
    if context.verbosity > 0:
        context.out.line(f"removed key {key_id}")
    return 0


def arguments_passwd(parser: argparse.ArgumentParser) -> None:
    """Where the new password comes from."""
    parser.description = "Change the password: a key with the new one is added, then the one in use is removed."
    _new_password_options(parser)


def run_passwd(context: Context) -> int:
    """Change the password."""
    with one_repository(context) as repository, locked(context, repository, exclusive=True, writing=True):
        password, arguments = _new_password(context, repository.location), context.arguments
        removal = removal_of(repository.store)
        key_id = change_password(repository, removal, password, host=arguments.host, user=arguments.user)
    if context.verbosity > 0:
        context.out.line(f"saved new key as {key_id}")
    return 0
