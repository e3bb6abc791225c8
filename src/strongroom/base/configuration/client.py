"""The client's configuration file, config.toml: repositories and sources by name.

One TOML file, never merged with another. It may name commands that we run, so it is refused when others can write it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from strongroom.base.configuration.checks import (
    at_once,
    compression,
    duration_text,
    number,
    options,
    pack_size,
    password,
    size_text,
    span_text,
    text,
    texts,
    truth,
)
from strongroom.base.configuration.document import Form, Key, Names, Table, read_text, unknown
from strongroom.base.configuration.document import parse as parse_document
from strongroom.base.configuration.host import DATABASE_KEYS, HOOKS, HOST_HOOKS, SCHEDULE_KEYS, check_database
from strongroom.base.configuration.retention import RETENTION_KEYS
from strongroom.base.errors import ConfigurationError
from strongroom.base.record import field, record

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_NAME_HINT = "Letters, digits, dots, dashes and underscores, beginning with a letter or digit."

_STORE_KEYS: dict[str, Key] = {
    "compression": Key(compression, '"auto"', "auto, off, fastest, better or max"),
    "pack_size": Key(pack_size, "16", "size that pack files aim at, in MiB"),
    "limit_upload": Key(number, "2048", "upload no faster than this, in KiB a second"),
    "limit_download": Key(number, "8192", "download no faster than this, in KiB a second"),
    "no_extra_verify": Key(truth, "false", "skip the second look at each blob before it is uploaded"),
    "cacert": Key(text, '"/etc/ssl/backup-ca.pem"', "trust these certificates (PEM)"),
    "tls_client_cert": Key(text, '"/etc/ssl/me.pem"', "our certificate and its key (PEM)"),
    "insecure_tls": Key(truth, "false", "do not check the server's certificate"),
    "keep_removed": Key(span_text, '"7d"', "folders: keep what forget and prune remove for so long, for `undo`"),
    "options": Key(options, '{ "rest.connections" = "5" }', "options of the kind of store in use (-o)"),
}

REPOSITORY_KEYS: dict[str, Key] = {
    "url": Key(text, '"rest:https://host:8000/me/"', "where it is: a folder or a URL", True),
    "password": Key(password, '{ command = ["pass", "show", "backup"] }', "command, file or env; never the password"),
    "key_hint": Key(text, '"2f1c9d0e"', "ID of the key to try first"),
    "credentials": Key(text, '"/etc/strongroom/local.env"', "a file of variables, NAME=VALUE, for its store alone"),
    **_STORE_KEYS,
}

SOURCE_KEYS: dict[str, Key] = {
    "paths": Key(texts, '["/home", "/etc"]', "what to back up"),
    "repositories": Key(texts, '["local", "offsite"]', "where to; all of this file when left out"),
    "exclude": Key(texts, '["*.tmp", "/home/*/.cache"]', "patterns of what to leave out"),
    "iexclude": Key(texts, '["*.ISO"]', "the same, without regard to case"),
    "exclude_file": Key(texts, '["/etc/strongroom/excludes"]', "files with such patterns, one a line"),
    "iexclude_file": Key(texts, '["/etc/strongroom/iexcludes"]', "the same, without regard to case"),
    "exclude_if_present": Key(texts, '[".nobackup"]', "leave out folders that hold such a file"),
    "exclude_caches": Key(truth, "true", "leave out folders marked with a CACHEDIR.TAG"),
    "exclude_larger_than": Key(size_text, '"4G"', "leave out files above this size"),
    "one_file_system": Key(truth, "false", "do not cross into other file systems"),
    "tags": Key(texts, '["nightly"]', "tags for the snapshot"),
    "host": Key(text, '"laptop"', "host name for the snapshot"),
    "with_atime": Key(truth, "false", "store times of last access, too"),
    "ignore_inode": Key(truth, "false", "do not take a file for changed because its inode changed"),
    "ignore_ctime": Key(truth, "false", "do not take a file for changed because its ctime changed"),
    "skip_if_unchanged": Key(truth, "false", "write no snapshot when nothing changed"),
    **SCHEDULE_KEYS,
}

DEFAULT_KEYS: dict[str, Key] = {
    **_STORE_KEYS,
    "cache_dir": Key(text, '"/var/cache/strongroom"', "where the local cache lies"),
    "no_cache": Key(truth, "false", "use no local cache"),
    "retry_lock": Key(duration_text, '"5m"', "keep trying for so long when a repository is locked"),
    "read_concurrency": Key(at_once, "2", "how many files are read at once"),
    "spool": Key(size_text, '"2G"', "disk space for packs that wait for a slow repository"),
}


FORM = Form(
    "Strongroom's configuration",
    """\
# Strongroom's configuration. It lies at ~/.config/strongroom/config.toml or /etc/strongroom/config.toml, and only its
# owner may be able to write it, since it runs commands. Take the # away from what you want to set.
# `strongroom config validate` checks it, `strongroom config show` says what is in force.""",
    {
        "repository": Table(
            REPOSITORY_KEYS,
            "a repository, by a name of your choice",
            Names(_NAME, _NAME_HINT, "local"),
            comment="Each repository has a name of your choice; `--repo local` means this one.",
            example={
                "url": '"/backup/local"',
                "password": '{ file = "/etc/strongroom/password" }',
                "keep_removed": '"7d"',
            },
            more="""
#[repository.offsite]
#url = "rest:https://host:8000/me/"
#password = { command = ["pass", "show", "backup/offsite"] }""",
        ),
        "source": Table(
            SOURCE_KEYS,
            "what becomes one snapshot in each repository",
            Names(_NAME, _NAME_HINT, "home"),
            comment="Each source becomes one snapshot in each of its repositories when `strongroom backup` runs"
            " without paths.",
            example={"paths": '["/home"]'},
            inside={
                "hooks": HOOKS,
                "database": Table(
                    DATABASE_KEYS,
                    "a database, dumped into a snapshot of its own, /databases/KIND/NAME",
                    Names(_NAME, _NAME_HINT, "shop"),
                ),
            },
        ),
        "hooks": HOST_HOOKS,
        "retention": Table(
            RETENTION_KEYS,
            "what `strongroom forget` keeps, in which repositories",
            Names(_NAME, _NAME_HINT, "usual"),
            comment="What `strongroom forget` keeps when it runs without a policy. Several are applied one after the"
            " other.",
            example={"keep_daily": "7", "keep_weekly": "5", "keep_monthly": "12"},
        ),
        "defaults": Table(
            DEFAULT_KEYS,
            "what holds for all repositories that do not say otherwise",
            comment="What holds for all repositories that do not say otherwise.",
        ),
    },
)
"""What the file may hold."""


@record
class Configuration:
    """A file that was read and checked. Values are as the checks return them; keys that are not there are absent."""

    path: str
    defaults: Mapping[str, Any]
    repositories: Mapping[str, Mapping[str, Any]]
    """By name, in the order of the file."""
    sources: Mapping[str, Mapping[str, Any]]
    retention: Mapping[str, Mapping[str, Any]]
    hooks: Mapping[str, Any] = field(default_factory=dict)
    """Those of the whole host; a source has its own, and its databases, in its table."""


def parse(text: str, path: str = "configuration") -> Configuration:
    """Check a file's text. Raises ``ConfigurationError`` with table and key, and a line where the parser has one."""
    found = parse_document(FORM, text, path)
    result = Configuration(
        path, found["defaults"], found["repository"], found["source"], found["retention"], found["hooks"]
    )
    for name, table in result.sources.items():
        if "paths" not in table and not table.get("database"):
            hint = f"Write for example: paths = {SOURCE_KEYS['paths'].example}"
            raise ConfigurationError("paths is missing", subject=f"{path}: [source.{name}]", hint=hint)
        for database, one in table.get("database", {}).items():
            check_database(path, f"source.{name}.database.{database}", one)
    for kind, tables in (("source", result.sources), ("retention", result.retention)):
        for name, table in tables.items():
            for wanted in table.get("repositories", ()):
                if wanted not in result.repositories:
                    place = f"{kind}.{name}.repositories"
                    raise unknown(path, place, tuple(result.repositories), wanted, "repository")
    return result


def find_file(given: str | None) -> str | None:
    """The one file that counts: ``--config``, ``$STRONGROOM_CONFIG``, the user's, the system's; None without any.

    A file that was named must exist; ``read_configuration`` says so if it does not.
    """
    named = given or os.environ.get("STRONGROOM_CONFIG")
    if named:
        return named
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    for place in (os.path.join(home, "strongroom", "config.toml"), "/etc/strongroom/config.toml"):
        if os.path.lexists(place):
            return place
    return None


def read_configuration(path: str) -> Configuration:
    """Read and check a file. Raises ``ConfigurationError``, also when anybody but its owner or root can write it."""
    return parse(
        read_text(path, hint="`strongroom config generate` prints one to begin with.", runs_commands=True), path
    )
