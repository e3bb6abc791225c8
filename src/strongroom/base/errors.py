"""Every error that a user may see: what happened, to what, and what to do.

    StrongroomError
    ├── UsageError              the command line does not make sense
    ├── ConfigurationError      the configuration file does not make sense
    ├── Interrupted             the user or the system asked us to stop
    ├── RepositoryError
    │   ├── NoRepository        there is no repository at this place
    │   ├── WrongPassword       no key opens with this password
    │   └── Locked              somebody else holds a lock that conflicts with ours
    ├── StoreError              the place where objects live said no
    │   ├── Missing             no object of this name
    │   ├── Exists              other bytes stand under this name
    │   ├── Refused             not permitted; asking again does not help
    │   ├── Full                no space or no quota
    │   ├── Unavailable         a passing fault; the only one that is retried
    │   └── Unsupported         this store or this version cannot do that
    ├── Damaged                 bytes that are not what their name or their place promises
    └── LimitExceeded           input beyond a budget (threats B-1 to B-5)

Which exit code each has is decided in one place, ``strongroom.cli.exit_codes``.
"""

from __future__ import annotations


class StrongroomError(Exception):
    """What happened (``what``), to which object or place (``subject``), and what to do (``hint``).

    None of the three ever holds a secret: URLs are redacted before they come here.
    """

    def __init__(self, what: str, *, subject: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.subject = subject
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.subject}: {self.what}" if self.subject else self.what
        return f"{text}\n{self.hint}" if self.hint else text


class UsageError(StrongroomError):
    """The command line does not make sense."""


class ConfigurationError(StrongroomError):
    """The configuration file does not make sense. The subject is its table and key."""


class Interrupted(StrongroomError):
    """The user or the system asked us to stop."""


class RepositoryError(StrongroomError):
    """A repository cannot be used."""


class NoRepository(RepositoryError):
    """There is no repository at this place."""


class WrongPassword(RepositoryError):
    """No key of the repository opens with this password."""


class Locked(RepositoryError):
    """Somebody else holds a lock that conflicts with ours."""


class StoreError(StrongroomError):
    """The place where objects live said no."""


class Missing(StoreError):
    """There is no object of this name."""


class Exists(StoreError):
    """Other bytes stand under this name already."""


class Refused(StoreError):
    """Not permitted; asking again does not help."""


class Full(StoreError):
    """No space or no quota is left."""


class Unavailable(StoreError):
    """A passing fault. The only error that is retried."""


class Unsupported(StoreError):
    """This store, or this version of ours, cannot do that."""


class Damaged(StrongroomError):
    """Bytes that are not what their name or their place promises."""


class TakenAway(Damaged):
    """What is known to have been here is nowhere: its disk is not mounted, or somebody removed it."""


class NotOurs(Damaged):
    """Bytes that are what their name promises and do not open: they were not written with this repository's key."""


class LimitExceeded(StrongroomError):
    """Input beyond a budget: it is refused before it costs memory or time."""
