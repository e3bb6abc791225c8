"""``strongroom --help``: all commands, for somebody who has never seen one of them."""

from __future__ import annotations

from strongroom.cli import exit_codes
from strongroom.cli.verbs import VERBS, group_of

_INTRODUCTION = """\
Strongroom backs up files to one or several encrypted repositories, in restic's format.

usage: strongroom [options] COMMAND [options] [arguments]

To begin:
  strongroom init --repo /backup/mine           make a repository (it asks for a new password)
  strongroom backup --repo /backup/mine ~/Documents
  strongroom snapshots --repo /backup/mine      what was saved, and when
  strongroom restore --repo /backup/mine latest --target /tmp/restored

"""

_OPTIONS = """
Every command takes, before or behind its name:
  -r, --repo REPOSITORY       a folder, a URL, or a name from the configuration file; once for each repository
  -p, --password-file FILE    where the password is (also --password-command COMMAND)
  -q, --quiet / -v, --verbose show less / more
      --json                  write JSON for programs
      --version               print the version
"""
_END = "\n`strongroom COMMAND --help` tells all about a command.\n"


def overview(group: str | None = None) -> str:
    """The list of all commands, or of those of one group."""
    verbs = group_of(group) if group else list(VERBS)
    widest = max(len(verb.name) for verb in verbs)
    lines = "".join(f"  {verb.name:<{widest}}  {verb.summary}\n" for verb in verbs)
    if group:
        return f"usage: strongroom {group} COMMAND [options] [arguments]\n\n{lines}"
    codes = "".join(f"  {code:<4}{text}\n" for code, text in exit_codes.of_verb().items())
    return f"{_INTRODUCTION}Commands:\n{lines}{_OPTIONS}\nExit status:\n{codes}{_END}"
