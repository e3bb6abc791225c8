"""What the installed command prints, word for word: a file of commands with their output for each verb, and its help.

A file of ``goldens/`` has lines that begin with ``$ `` (a command for the shell, in a folder of its own), each followed
by all that it prints and, unless that is 0, its exit code as ``[exit 3]``. IDs, times and what else differs from run to
run stand as words in angle brackets. ``GOLDENS=update make test ARGS=tests/end_to_end/test_goldens.py`` writes the
files anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from strongroom.cli.verbs import VERBS
from tests.support import command

FOLDER = Path(__file__).parent / "goldens"
FILES = sorted(path.stem for path in FOLDER.glob("*.txt"))
GROUPS = sorted({verb.name.split()[0] for verb in VERBS})
UPDATE = os.environ.get("GOLDENS") == "update"

VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<ID>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<ID>"),
    (re.compile(r"\b[0-9a-f]{10}\b(?= at )|\b[0-9a-f]{8}\b"), "<id>"),
    (re.compile(r"[\d.]+ (?:B|KiB)\s+(?:stored|added)"), "<size>"),
    (re.compile(r"(?<=Added to the repository: )[\d.]+ (?:B|KiB)"), "<size>"),
    (re.compile(r"((?:Added|Removed): +)[\d.]+ (?:B|KiB)"), r"\1<size>"),
    (re.compile(r"\b\d+\.\d+s\b"), "<seconds>"),
    (re.compile(rf"(?<=ann@){re.escape(socket.gethostname())}\b"), "<host>"),
    (re.compile(r"\bsrg1_[0-9a-z]+_[\w-]{43}"), "<token>"),
    (re.compile(r"\b\d+:\d\d(?::\d\d)?\b"), "<duration>"),
    (re.compile(r'("(?:total_duration|seconds_elapsed|seconds_remaining)":)[\d.e-]+'), r"\1<seconds>"),
    (re.compile(r"\b\d+\.\d+ s\b"), "<seconds>"),
    (re.compile(r"-{10,}"), "----------"),
    (re.compile(r"(?<=\S) {3,}"), "  "),
    (re.compile(r"(?<=strongroom )\d+\.\d+\.\d+\S*"), "<version>"),
    (re.compile(r"(?<=Python )\d+\.\d+\.\d+\S*"), "<version>"),
)


def stable(text: str, folder: Path) -> str:
    """The text with everything that differs from run to run as a word, and no space at the ends of lines."""
    text = text.replace(str(folder), "<folder>")
    for pattern, word in VOLATILE:
        text = pattern.sub(word, text)
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def run(line: str, folder: Path) -> str:
    """What a command prints on both streams, and its exit code."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    env = command.environment(home) | {
        "RESTIC_PASSWORD": "pw",
        "TZ": "UTC",
        "COLUMNS": "100",
        "USER": "ann",
        "LOGNAME": "ann",
    }
    env["PATH"] = f"{command.STRONGROOM.parent}:{env['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=120, check=False,
    )  # fmt: skip
    told = stable(ended.stdout.decode(), folder)
    return told + (f"[exit {ended.returncode}]\n" if ended.returncode else "")


def compare(path: Path, commands: list[str], folder: Path) -> None:
    """Run commands one after the other, and hold what they print against the file."""
    found = "".join(f"$ {line}\n{run(line, folder)}" for line in commands)
    if UPDATE:
        path.write_text(found)
    assert found == path.read_text()


@pytest.mark.parametrize("name", FILES)
def test_commands_print_what_their_file_says(name: str, tmp_path: Path) -> None:
    """Every command of the file prints, to the letter, what stands below it, and ends with that code."""
    path = FOLDER / f"{name}.txt"
    compare(path, re.findall(r"^\$ (.*)$", path.read_text(), re.MULTILINE), tmp_path)


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_help_is_what_its_file_says(group: str, tmp_path: Path) -> None:
    """The help of every verb is what its file says, so that no option changes unseen."""
    verbs = [verb.name for verb in VERBS if verb.name.split()[0] == group]
    path = FOLDER / "help" / f"{group or 'strongroom'}.txt"
    path.parent.mkdir(exist_ok=True)
    compare(path, [f"strongroom {name} --help" for name in verbs or [""]], tmp_path)


def test_each_verb_has_a_file() -> None:
    """No verb is without a file of commands."""
    assert [group for group in GROUPS if group not in FILES] == []
