"""The configuration file of a host that joins: a first one, or its repositories added to the one that is there."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from strongroom.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.fleet.protocol.enrolment import GatewayAccess

USUAL_PATHS = ("/etc", "/home", "/root", "/srv", "/opt", "/usr/local", "/var")
_LEFT_OUT = ("/var/cache", "/var/tmp", "/var/lib/docker", "/var/lib/containers", "/home/*/.cache", "/root/.cache")
SERVER_SCHEDULE = 'schedule = "*-*-* 04:00:00"'
LAPTOP_SCHEDULE = 'schedule = "every 24h"\nlate_after = "168h"'


def first_configuration(profile: str, paths: Sequence[str]) -> str:
    """A file with one source; without ``paths`` what there usually is on a machine."""
    chosen = [os.path.abspath(path) for path in paths] or [path for path in USUAL_PATHS if os.path.isdir(path)]
    excludes = f"exclude = {_texts(_LEFT_OUT)}\n" if not paths else ""
    schedule = LAPTOP_SCHEDULE if profile == "laptop" else SERVER_SCHEDULE
    return (
        "# Written by `strongroom host enrol`; it is yours now. `strongroom config generate` prints all keys.\n"
        f"version = 1\n\n[source.system]\npaths = {_texts(chosen)}\n{excludes}exclude_caches = true\n{schedule}\n"
    )


def with_repositories(
    text: str, known: Sequence[str], gateways: Sequence[GatewayAccess], password_file: str, *, moved: bool = False
) -> str:
    """The file with a repository for each gateway; one whose name is there already is left as it is, or with ``moved``
    gets the new URL. Raises ``ConfigurationError`` where its line is not found.
    """
    for number, access in enumerate(gateways, 1):
        name = "offsite" if number == 1 else f"offsite{number}"
        if name in known:
            text = _with_url(text, name, repository_url(access)) if moved else text
            continue
        text = text.rstrip("\n") + (
            f"\n\n[repository.{name}]\nurl = {_text(repository_url(access))}\n"
            f"password = {{ file = {_text(password_file)} }}\n"
        )
    return text


def _with_url(text: str, name: str, url: str) -> str:
    """The file in which the repository of this name is elsewhere."""
    head = re.search(rf"^\[\s*repository\s*\.\s*\"?{re.escape(name)}\"?\s*\]", text, re.MULTILINE)
    if head is not None:
        end = re.compile(r"^\s*\[", re.MULTILINE).search(text, head.end())
        line = re.compile(r"^(\s*url\s*=\s*)(?:\"[^\"\n]*\"|'[^'\n]*')", re.MULTILINE)
        found = line.search(text, head.end(), len(text) if end is None else end.start())
        if found is not None:
            return text[: found.start()] + found[1] + _text(url) + text[found.end() :]
    hint = f'Write it as [repository.{name}] with a line `url = "…"`, and do this again.'
    raise ConfigurationError("the URL of this repository is not found in the file", subject=name, hint=hint)


def repository_url(access: GatewayAccess) -> str:
    """The URL of this host's repository at a gateway, with its token."""
    parts = urlsplit(access.url)
    user = f"{quote(access.user, safe='')}:{quote(access.token, safe='')}@" if access.user else ""
    path = "/".join(part.strip("/") for part in (parts.path, access.path) if part.strip("/"))
    return "rest:" + urlunsplit((parts.scheme, user + parts.netloc, f"/{path}/", "", ""))


def _text(value: str) -> str:
    """A TOML string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _texts(values: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"
