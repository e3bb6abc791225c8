"""The kinds of channels: mail, ntfy, webhook, all that Apprise knows, and a ping whose absence is the alarm."""

from __future__ import annotations

import hmac
import json
import logging
import os
import re
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

import urllib3

from strongroom.base.errors import ConfigurationError, Unavailable
from strongroom.base.exchange_limit import ExchangeLimit
from strongroom.fleet.protocol.fields import visible
from strongroom.fleet.server.channels.apprise_child import hand_on
from strongroom.fleet.server.channels.mailing import send_mail

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("mail", "ntfy", "webhook", "healthchecks", "apprise")
PINGS = frozenset(("healthchecks",))
"""Kinds that carry no messages: they are pinged while all is well, or at each run of one source."""
_SECONDS, _WHOLE_SECONDS = 15.0, 60.0
"""Without a byte, and for all of a message: whoever drips keeps no later message waiting."""
_SETTINGS = {
    "mail": (("server", "from", "to"), ("user", "password_file", "security", "cacert")),
    "ntfy": (("url",), ("token_file", "cacert")),
    "webhook": (("url", "secret_file"), ("cacert",)),
    "healthchecks": (("url",), ("cacert", "runs")),
    "apprise": (("url_file",), ()),
}
_SECURITY = ("starttls", "tls", "none")
_RUNS = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}/[a-z0-9][a-z0-9._-]{0,62}\Z")
_URL = re.compile(r"https?://[^\s\"'<>]+\Z")
SHARED = ("least", "hosts", "tags", "kinds", "quiet", "zone", "when", "weekly")
"""Settings that each kind may have: the least severity, a pattern and tags of hosts, kinds of alerts, quiet hours and
their time zone, whether it waits for what nobody acknowledges, and whether it carries the numbers of each week."""
_CHOICES = {
    "security": _SECURITY,
    "least": ("warning", "critical"),
    "when": ("always", "unacknowledged"),
    "weekly": ("yes", "no"),
}


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """One message. ``facts`` is for programs."""

    subject: str
    body: str
    critical: bool
    facts: Mapping[str, object]


def check_settings(kind: str, settings: Mapping[str, str]) -> None:
    """Raise ``ConfigurationError`` unless a channel of this kind can be made of them."""
    needed, allowed = _SETTINGS[kind]
    for name in needed:
        if not settings.get(name):
            raise ConfigurationError(f"a channel of the kind {kind} needs {name}", hint=f"Give {name}=…")
    for name, value in settings.items():
        if name not in (*needed, *allowed, *SHARED):
            known = ", ".join((*needed, *allowed, *SHARED))
            raise ConfigurationError(f"{kind} knows no {name}", hint=f"There are: {known}.")
        if "\n" in value or "\r" in value:
            raise ConfigurationError("a setting is one line", subject=name)
    if "url" in settings and not _URL.match(settings["url"]):
        raise ConfigurationError("not a URL", subject="url", hint="such as https://ntfy.example.org/backups")
    if "runs" in settings and not _RUNS.match(settings["runs"]):
        raise ConfigurationError("not HOST/SOURCE", subject="runs", hint="such as runs=web01/home")
    for name, choices in _CHOICES.items():
        if settings.get(name, choices[0]) not in choices:
            raise ConfigurationError(f"is none of {', '.join(choices)}", subject=name)
    if kind == "apprise":
        _service(settings)


def send(kind: str, settings: Mapping[str, str], message: ChannelMessage, now: int) -> None:
    """Say it. Raises ``Unavailable`` with the reason, without any secret; or ``ConfigurationError``.

    A ``ValueError`` is what libraries make of an address or a header that cannot be: no reason to end the others.
    """
    try:
        _WAYS[kind](settings, message, now)
    except (urllib3.exceptions.HTTPError, smtplib.SMTPException, OSError, ValueError) as error:
        words = visible(str(error).splitlines()[0] if str(error) else type(error).__name__)[:200]
        raise Unavailable(words, subject=kind) from None


def _mail(settings: Mapping[str, str], message: ChannelMessage, _now: int) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = visible(message.subject), settings["from"], settings["to"]
    mail["Auto-Submitted"] = "auto-generated"
    if message.critical:
        mail["Importance"] = "high"
    mail.set_content(message.body)
    security = settings.get("security", "starttls")
    context = ssl.create_default_context(cafile=settings.get("cacert"))
    login = (settings["user"], _secret(settings, "password_file")) if settings.get("user") else None
    send_mail(settings["server"], mail, security, context, login)


def _ntfy(settings: Mapping[str, str], message: ChannelMessage, _now: int) -> None:
    headers = {"Title": _ascii(message.subject), "Priority": "urgent" if message.critical else "default"}
    if settings.get("token_file"):
        headers["Authorization"] = f"Bearer {_secret(settings, 'token_file')}"
    _post(settings, message.body.encode(), headers)


def _webhook(settings: Mapping[str, str], message: ChannelMessage, now: int) -> None:
    body = json.dumps({"subject": message.subject, "at": now, **message.facts}).encode()
    signature = hmac.digest(_secret(settings, "secret_file").encode(), f"{now}.".encode() + body, "sha256").hex()
    headers = {"Content-Type": "application/json", "Strongroom-Time": str(now), "Strongroom-Signature": signature}
    _post(settings, body, headers)


def _ping(settings: Mapping[str, str], message: ChannelMessage, _now: int) -> None:
    url = ping_url(settings["url"], message.facts)
    _post({**settings, "url": url}, message.body.encode(), {"Content-Type": "text/plain"})


def ping_url(url: str, facts: Mapping[str, object]) -> str:
    """Where an event is said: `URL/start?rid=…`, `URL/CODE?rid=…`; the URL itself for what is no event."""
    if not facts.get("event"):
        return url
    parts = urlsplit(url)
    rid = {"rid": str(facts["rid"])} if facts.get("rid") else {}
    query = "&".join(filter(None, (parts.query, urlencode(rid))))
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{facts['event']}", query, ""))


def _apprise(settings: Mapping[str, str], message: ChannelMessage, _now: int) -> None:
    kind = "failure" if message.critical else "warning"
    hand_on(_service(settings), visible(message.subject), message.body, kind)


def _service(settings: Mapping[str, str]) -> str:
    """The URL of Apprise's that the file holds. Raises ``ConfigurationError``, without what that is."""
    try:
        import apprise  # noqa: PLC0415 - a dependency of few, and slow to load
    except ImportError:
        hint = "pip install 'strongroom[notify]'"
        raise ConfigurationError("apprise is not installed here", subject="apprise", hint=hint) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its words hold tokens
    url = _secret(settings, "url_file")
    if not apprise.Apprise().add(url):
        hint = "The file holds one line, such as slack://… (https://github.com/caronc/apprise/wiki)."
        raise ConfigurationError("apprise knows no such service", subject="url_file", hint=hint)
    return url


def _post(settings: Mapping[str, str], body: bytes, headers: Mapping[str, str]) -> None:
    limit = ExchangeLimit(_WHOLE_SECONDS)
    pool = limit.pool(ca_certs=settings.get("cacert"), timeout=_SECONDS, retries=False)
    try:
        with limit.exchange():
            answer = pool.request(
                "POST", settings["url"], body=body, headers=dict(headers), redirect=False, preload_content=False
            )
            answer.read(1024)
    finally:
        pool.clear()
    if not 200 <= answer.status < 300:
        raise Unavailable(f"it answered {answer.status}", subject="the channel")


_WAYS = {"mail": _mail, "ntfy": _ntfy, "webhook": _webhook, "healthchecks": _ping, "apprise": _apprise}


def _ascii(text: str) -> str:
    return visible(text).encode("ascii", "replace").decode()


def _secret(settings: Mapping[str, str], name: str) -> str:
    path = settings.get(name, "")
    try:
        with open(path, encoding="utf-8") as file:
            found = file.read(4096).strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{name} cannot be read", subject=os.path.basename(path)) from None
    if not found or "\n" in found:
        raise ConfigurationError(f"{name} must hold one line", subject=os.path.basename(path))
    return found
