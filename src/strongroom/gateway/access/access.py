"""Who is asking, and what may they do: tokens, the password file, a proxy's word, the policy.

A success is remembered for a minute, as a keyed hash of the header, never the password.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hmac
import os
import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError
from strongroom.base.server_log import LOG
from strongroom.gateway.access import tokens
from strongroom.gateway.access.caller import ANYBODY, Caller, Denied, basic_credentials
from strongroom.gateway.access.htpasswd import PasswordFile
from strongroom.gateway.access.password_budget import PasswordBudget
from strongroom.gateway.access.policy import AccessPolicy, allowed_address, parse_policy, read_policy
from strongroom.gateway.access.principals import Principals
from strongroom.gateway.access.proxies import UNIX, Proxies
from strongroom.gateway.access.roles import Role
from strongroom.gateway.http.addresses import network_of
from strongroom.gateway.last_good import LastGoodFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.database.engine import Database
    from strongroom.gateway.access.policy import Quota
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.settings import GatewaySettings

CACHE_SECONDS = 60.0
CACHE_SIZE = 4096


class Access:
    """The doorkeeper of one worker."""

    def __init__(self, settings: GatewaySettings, database: Database, last_good: LastGoodFiles | None = None) -> None:
        """Raises ``ConfigurationError`` when nobody could be let in, or everybody would be without saying so.

        A file that does not load, and did before in another process, stands as ``last_good`` has it.
        """
        self._settings = settings
        self._last_good = last_good or LastGoodFiles()
        self._database = database
        self._principals = Principals(database)
        self._key = os.urandom(32)
        self._cache: dict[bytes, tuple[float, Caller, str]] = {}
        self._ids: dict[str, str] = {}
        self._guard = threading.Lock()
        self._reloading = threading.Lock()
        self._budget = PasswordBudget(database.clock)
        self._roles: dict[tuple[str, str], tuple[float, Role | None]] = {}
        self.changes = 0
        """Grows whenever what somebody was let in for may be so no more."""
        self._alarms: dict[str, str] = {}
        """Of each file that does not load, why; what it said before is in force meanwhile."""
        self._policy_stamp = self._stamp()  # before what it stands for: a change meanwhile is seen the next second
        self._policy = AccessPolicy()
        self._generation = self._principals.generation()
        if settings.config:
            self._begin_with_policy(settings.config)
        self._passwords: PasswordFile | None = None
        self._begin_with_passwords()
        self.proxies = Proxies(settings.trusted_proxies)
        if settings.proxy_auth_username and not settings.trusted_proxies:
            hint = "Name them, such as --trusted-proxies 127.0.0.1 or --trusted-proxies unix."
            raise ConfigurationError("--proxy-auth-username believes proxies, and none is trusted", hint=hint)

    def _begin_with_policy(self, path: str) -> None:
        try:
            self._policy = self._loaded_policy(path)
        except ConfigurationError as error:
            text = self._last_good.policy.text()
            if text is None:
                raise
            self._alarm("the policy", error)
            self._policy = parse_policy(text.decode(), path)

    def _begin_with_passwords(self) -> None:
        self._passwords = self._password_file()
        if self._passwords is not None and self._passwords.failure is not None:
            self._alarm("the password file", self._passwords.failure)

    def _loaded_policy(self, path: str) -> AccessPolicy:
        text = read_policy(path)
        policy = parse_policy(text, path)
        self._check_names(policy)
        self._last_good.policy.keep(text.encode())
        return policy

    def _password_file(self) -> PasswordFile | None:
        settings = self._settings
        if settings.no_auth or settings.proxy_auth_username:
            return None
        path = settings.htpasswd_file or os.path.join(settings.home, ".htpasswd")
        known = self._policy.principals or self._principals.any()
        was_there = self._last_good.passwords.text() is not None
        if settings.htpasswd_file is None and not os.path.exists(path) and known and not was_there:
            return None
        return PasswordFile(path, self._last_good.passwords)

    @property
    def warnings(self) -> list[str]:
        """What is not well with users of the password file."""
        return self._passwords.warnings if self._passwords else []

    def reload(self) -> None:
        """Read the policy and the password file again; what does not load leaves the old one in force."""
        try:
            self._load()
        finally:
            self._forget()

    def _load(self) -> None:
        said = self.warnings
        with self._alarming("the password file"):
            if self._passwords is None:
                self._passwords = self._password_file()  # it was away at the start, and may be there now
            else:
                self._passwords.load()
        for one in self.warnings:
            if one not in said:
                LOG.warning(f"{one}")
        if self._settings.config:
            with self._alarming("the policy"):
                self._policy = self._loaded_policy(self._settings.config)

    @contextlib.contextmanager
    def _alarming(self, what: str) -> Iterator[None]:
        """Each file has an alarm of its own, which ends when the file loads, and with nothing else."""
        try:
            yield
        except ConfigurationError as error:
            self._alarm(what, error)
        else:
            self._alarms.pop(what, None)

    def _alarm(self, what: str, error: ConfigurationError) -> None:
        # Anybody may read an alarm, and the error names paths and principals.
        self._alarms[what] = f"{what} does not load; what it said before is in force"
        LOG.error(f"{error}")

    @property
    def alarms(self) -> list[str]:
        """Why files do not load, while what they said before is in force."""
        return list(self._alarms.values())

    def reload_if_changed(self, generation: int | None = None) -> None:
        """``reload`` when a file has another stamp; forget whom we let in when principals were changed.

        Called about once a second, so that ``principal disable`` ends a stolen token within that time, and before
        anything is published, with the principals' number as it was just read.
        """
        if generation is None:
            generation = self._principals.generation()
        with self._reloading:  # whoever comes second must not go on with what the first is about to replace
            if generation != self._generation:
                self._generation = generation
                self._forget()
            stamp = self._stamp()
            if stamp != self._policy_stamp:
                self.reload()
                self._policy_stamp = stamp  # not before: where the database was away, the next second tries again

    def has_ended(self, identity: Caller) -> bool:
        """Whether the token that was shown has ended since."""
        return identity.expires_ns is not None and identity.expires_ns <= self._database.clock_ns()

    def _forget(self) -> None:
        """Look at everybody anew, also at those whose uploads are under way."""
        with self._guard:
            self._cache.clear()
            self._roles.clear()
            self.changes += 1

    def _stamp(self) -> tuple[object, ...]:
        found: list[object] = []
        for path in (self._settings.config, self._settings.htpasswd_file or f"{self._settings.home}/.htpasswd"):
            try:
                status = os.stat(path) if path else None
            except OSError:
                status = None
            found.append(None if status is None else (status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(found)

    def _check_names(self, policy: AccessPolicy) -> None:
        both = sorted(set(policy.principals) & self._principals.names())
        if both:
            raise ConfigurationError(
                "a principal of the policy was also added to the database",
                subject=both[0],
                hint="Remove it from one of the two.",
            )

    def peer(self, request: Request) -> str:
        """The address that a request comes from: what a trusted proxy wrote, else the connection's."""
        return self.proxies.client(request)

    def payer(self, request: Request, identity: Caller) -> str:
        """Whose share of what is scarce a request takes: its principal's; where nobody is asked for a password its
        address's, as a trusted proxy wrote it. All who come by a socket without one are one."""
        return identity.id or network_of(self.proxies.client(request)) or UNIX

    def authenticate(self, request: Request) -> Caller:
        """Who is asking. Raises ``Denied``."""
        settings = self._settings
        if settings.no_auth:
            return ANYBODY
        if settings.proxy_auth_username:
            user = request.headers.get(settings.proxy_auth_username.lower(), "")
            if not user or not self.proxies.trusts(request.peer):
                raise Denied(401, user)
            return Caller(self._id_of(user), user, looked=self.changes)
        header = request.headers.get("authorization", "")
        peer = self.peer(request)
        mark = hmac.digest(self._key, header.encode("latin-1"), "sha256")
        known = self._cache.get(mark)
        now = self._database.clock.monotonic()
        if known is not None and known[0] > now:
            identity, addresses = known[1], known[2]
        else:
            user, password = basic_credentials(header)
            changes = self.changes
            identity, addresses = self._look_up(user, password, peer)
            identity = dataclasses.replace(identity, looked=changes)
            with self._guard:
                if len(self._cache) >= CACHE_SIZE:
                    self._cache.clear()
                if changes == self.changes:  # else a disabled principal could slip in behind the clearing
                    self._cache[mark] = (now + CACHE_SECONDS, identity, addresses)
        if not allowed_address(addresses, peer) or self.has_ended(identity):
            raise Denied(401, identity.name)
        return identity

    def _look_up(self, user: str, password: bytes, peer: str) -> tuple[Caller, str]:
        if not user:
            raise Denied(401, user)
        text = password.decode("latin-1")
        token = tokens.token_id(text)
        if token is not None:
            fixed = self._policy.principals.get(user)
            if fixed is not None and token in fixed.tokens and tokens.matches(text, fixed.tokens[token]):
                return Caller(self._id_of(user), user, fixed.quota, managed=True), fixed.addresses
            found = self._principals.by_token(text)
            if found is not None and found.name == user:
                identity = Caller(found.id, found.name, found.quota, managed=True, expires_ns=found.expires_ns)
                return identity, found.addresses
            raise Denied(401, user)  # 256 random bits are not guessed: no budget is needed
        if self._passwords is None:
            raise Denied(401, user)
        if not self._budget.check(self._passwords, user, password, network_of(peer)):
            raise Denied(401, user)
        return Caller(self._id_of(user), user), ""

    def _id_of(self, user: str) -> str:
        found = self._ids.get(user)
        if found is None:
            found = self._ids[user] = self._principals.ensure(user)
        return found

    def is_named_elsewhere(self, name: str) -> bool:
        """Whether the policy or the password file has somebody of this name, who is no enroller's to make."""
        return name in self._policy.principals or (self._passwords is not None and name in self._passwords.users())

    def fixed_quotas(self) -> dict[str, Quota]:
        """What principals of the policy may store, by name."""
        return {name: one.quota for name, one in self._policy.principals.items()}

    def role(self, identity: Caller, folders: tuple[str, ...]) -> Role | None:
        """What the identity may do with the repository at these folders; None for nothing."""
        settings = self._settings
        if identity.managed or self._policy.rules:
            label = "/".join(folders)
            found = self._policy.role(identity.name, label) or self._granted(identity.id, label)
            if found is not None or identity.managed:
                return found
        if settings.private_repos and not settings.no_auth and (not folders or folders[0] != identity.name):
            return None
        return Role.HOST if settings.append_only else Role.FULL

    def _granted(self, principal: str, label: str) -> Role | None:
        now = self._database.clock.monotonic()
        known = self._roles.get((principal, label))
        if known is None or known[0] < now:
            changes = self.changes
            known = (now + 5.0, self._principals.role(principal, label))
            with self._guard:
                if len(self._roles) > CACHE_SIZE:
                    self._roles.clear()
                if changes == self.changes:  # as for whom we let in
                    self._roles[(principal, label)] = known
        return known[1]
