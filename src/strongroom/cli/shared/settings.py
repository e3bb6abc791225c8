"""What is in force: flags before ``STRONGROOM_*`` before ``RESTIC_*`` before the file; lists replace one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.configuration import client as files
from strongroom.base.errors import UsageError
from strongroom.base.record import record
from strongroom.cli.arguments import values
from strongroom.cli.shared.environment import lookup

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping


@record
class Value:
    """A setting's value and where it came from: an option, a variable, a key of the file, or the default."""

    value: Any
    origin: str

    def __bool__(self) -> bool:
        return bool(self.value)


@record
class _Setting:
    """How a setting is found: the options' attribute, the variable's suffix, the file's key, the default."""

    flag: str
    variable: str | None
    key: str | None
    parse: Callable[[str], Any]
    default: Any
    per_repository: bool
    own_first: bool = False
    """Whether a repository's own table stands before the variable: what one server needs, another does not know."""


def _truth(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"{text!r} is neither true nor false")


_SETTINGS: dict[str, _Setting] = {
    "key_hint": _Setting("key_hint", "KEY_HINT", "key_hint", str, None, True, True),
    "compression": _Setting("compression", "COMPRESSION", "compression", values.compression, "auto", True),
    "pack_size": _Setting("pack_size", "PACK_SIZE", "pack_size", values.pack_size, 16, True),
    "limit_upload": _Setting("limit_upload", "LIMIT_UPLOAD", "limit_upload", values.rate, 0, True),
    "limit_download": _Setting("limit_download", "LIMIT_DOWNLOAD", "limit_download", values.rate, 0, True),
    "no_extra_verify": _Setting("no_extra_verify", None, "no_extra_verify", _truth, False, True),
    "keep_removed": _Setting("keep_removed", None, "keep_removed", values.span, "", True),
    "cacert": _Setting("cacert", "CACERT", "cacert", values.listed, None, True, True),
    "tls_client_cert": _Setting("tls_client_cert", "TLS_CLIENT_CERT", "tls_client_cert", str, None, True, True),
    "insecure_tls": _Setting("insecure_tls", None, "insecure_tls", _truth, False, True),
    "http_user_agent": _Setting("http_user_agent", "HTTP_USER_AGENT", None, str, None, False),
    "stuck_request_timeout": _Setting("stuck_request_timeout", None, None, values.duration, 300.0, False),
    "accept_repository": _Setting("accept_repository", "ACCEPT_REPOSITORY", None, _truth, False, False),
    "no_lock": _Setting("no_lock", None, None, _truth, False, False),
    "retry_lock": _Setting("retry_lock", "RETRY_LOCK", "retry_lock", values.duration, 0.0, False),
    "cache_dir": _Setting("cache_dir", "CACHE_DIR", "cache_dir", str, None, False),
    "no_cache": _Setting("no_cache", None, "no_cache", _truth, False, False),
    "cleanup_cache": _Setting("cleanup_cache", None, None, _truth, False, False),
    "read_concurrency": _Setting("read_concurrency", "READ_CONCURRENCY", "read_concurrency", values.at_once, 0, False),
    "spool": _Setting("spool", "SPOOL", "spool", values.size, 2 << 30, False),
    "host": _Setting("host", "HOST", None, str, None, False),
}

NAMES = tuple(_SETTINGS)
PER_REPOSITORY = tuple(name for name, setting in _SETTINGS.items() if setting.per_repository)


class Settings:
    """The command line, the environment and the file, asked in that order."""

    def __init__(self, arguments: argparse.Namespace, file: files.Configuration | None) -> None:
        self.arguments = arguments
        self.file = file

    @classmethod
    def load(cls, arguments: argparse.Namespace) -> Settings:
        """Find and read the file. Raises ``ConfigurationError``."""
        path = files.find_file(getattr(arguments, "config", None))
        return cls(arguments, files.read_configuration(path) if path else None)

    def get(self, name: str, repository: str | None = None) -> Value:
        """A setting, for a repository of the file where the file says so. Raises ``UsageError`` for a bad value."""
        setting = _SETTINGS[name]
        given = getattr(self.arguments, setting.flag, None)
        if given is not None and given != []:
            return Value(given, "--" + setting.flag.replace("_", "-"))
        own = self._in_file(setting, repository, own=True) if setting.own_first else None
        if own is not None:
            return own
        if setting.variable is not None:
            variable = lookup(setting.variable)
            if variable is not None:
                return Value(_parsed(setting.parse, variable.value, variable.name), variable.origin)
        return self._in_file(setting, repository) or Value(setting.default, "default")

    def _in_file(self, setting: _Setting, repository: str | None, *, own: bool = False) -> Value | None:
        """What the file says, ``own``: in the repository's own table."""
        for place, table in self._tables(repository):
            if setting.key is not None and self.file is not None and setting.key in table:
                value = table[setting.key]
                where = f"{self.file.path}: {place}.{setting.key}"
                if isinstance(value, str):
                    value = _parsed(setting.parse, value, where)
                return Value(value, where) if not own or place != "defaults" else None
        return None

    def extended_options(self, repository: str | None = None) -> dict[str, str]:
        """``-o``, or else the file's ``options``: a list replaces, it does not add. Raises ``UsageError``."""
        given: list[tuple[str, str]] = getattr(self.arguments, "extended", None) or []
        if given:
            found: dict[str, str] = {}
            for key, value in given:
                if found.setdefault(key, value) != value:
                    raise UsageError("is given twice, with different values", subject=f"-o {key}")
            return found
        for _, table in self._tables(repository):
            if "options" in table:
                return dict(table["options"])
        return {}

    def _tables(self, repository: str | None) -> list[tuple[str, Mapping[str, Any]]]:
        """The file's tables that may hold a setting, the nearest first."""
        if self.file is None:
            return []
        own = self.file.repositories.get(repository) if repository else None
        first = [(f"repository.{repository}", own)] if own is not None else []
        return [*first, ("defaults", self.file.defaults)]


def check_variables(arguments: argparse.Namespace) -> None:
    """Refuse what restic refuses whatever the verb is: a mode that is none, a size that is no number.

    Raises ``UsageError``. A number that is no size for packs stops only who opens a repository (``store_options``).
    """
    for name, parse in (("compression", values.compression), ("pack_size", values.whole_number)):
        variable = lookup(name.upper())
        if variable is not None and getattr(arguments, name, "none of its options") is None:
            _parsed(parse, variable.value, variable.name)


def _parsed(parse: Callable[[str], Any], text: str, where: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(str(error), subject=where, hint="Correct or remove it.") from None
