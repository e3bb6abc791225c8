"""The attempts. Nothing that is there is changed, whatever the answer.

A delete names what is not there. An upload has other bytes than its name or its header promises, so that a server that
lets it in has to refuse it for that: it is told by the status which of the two it was. The one exception writes the
config's own bytes over the config.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError
from strongroom.base.objects import CONFIG
from strongroom.custody.audit.terms import AuditState, CredentialHolder, Tried
from strongroom.storage.contract import StoreKind
from strongroom.storage.local.store import LocalStore
from strongroom.storage.removal.audit import delete_no_version, delete_nothing
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.storage.contract import Store
    from strongroom.storage.rest.client import RestClient
    from strongroom.storage.s3.client import S3Client
    from strongroom.storage.s3.store import S3Store

_REFUSED = frozenset({401, 403, 405, 501})
_BODY = b"strongroom audit"
_OTHER = "0" * 63 + "1"
"""The SHA-256 that the header promises and the body has not."""
_MD5, _OTHER_MD5 = (
    base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode() for data in (_BODY, b"other")
)
"""Of settings servers ask for it before they look at who asks, and the body is no setting. Of objects, the false one is
refused by all, where the SHA-256 of a request without a signature is not looked at."""
_SETTINGS = {
    "versioning": ("S-4", "suspend versions"),
    "lifecycle": ("S-3, S-6", "change what expires"),
    "policy": ("S-3", "change who may what"),
}


def audit_store(store: Store, holder: CredentialHolder) -> list[Tried]:
    """Try what must not work with the credential that ``store`` was opened with. Errors of the store are answers."""
    plain = innermost(store)
    if isinstance(plain, LocalStore):
        return _folder(plain, holder)
    if plain.store_kind is StoreKind.REST:
        from strongroom.storage.rest.store import RestStore  # noqa: PLC0415

        assert isinstance(plain, RestStore)
        return _rest(plain, plain.client, holder)
    if plain.store_kind is StoreKind.S3:
        from strongroom.storage.s3.store import S3Store  # noqa: PLC0415

        assert isinstance(plain, S3Store)
        return _bucket(plain, holder)
    words = "this kind of store is not known to the audit"
    return [Tried(holder, "S-1", "take an object away", AuditState.UNTRIED, words)]


def _asked(holder: CredentialHolder, threats: str, what: str, ask: Callable[[], int], let_in: str = "") -> Tried:
    """A row by the status of an answer; ``let_in`` says what it means when it was not refused."""
    try:
        status = ask()
    except StrongroomError as problem:
        return Tried(holder, threats, what, AuditState.UNTRIED, str(problem).partition("\n")[0])
    if status in _REFUSED:
        return Tried(holder, threats, what, AuditState.YES, f"refused ({status})")
    if status >= 500 or status in (408, 429):
        return Tried(holder, threats, what, AuditState.UNTRIED, f"the server answered {status}: try again later")
    return Tried(holder, threats, what, AuditState.NO, f"{let_in or 'this credential may do it'} ({status})")


def _rest(store: Store, client: RestClient, holder: CredentialHolder) -> list[Tried]:
    def post(path: str, body: bytes) -> int:
        head = {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))}
        answer = client.ask("POST", path, head, body)
        answer.close()
        return answer.status

    def get() -> int:
        answer = client.ask("GET", "config")
        answer.close()
        return answer.status

    if holder is CredentialHolder.STRANGER:
        return [_asked(holder, "G-8", "read without a credential", get)]
    wrong = secrets.token_hex(32)
    found = [
        _same_config(_config(store, holder, lambda data: post("config", data))),
        _asked(holder, "K-1, K-4", "add a key", lambda: post(f"keys/{wrong}", _BODY), "only its false name stopped it"),
    ]
    if holder is not CredentialHolder.EXECUTOR:
        found.insert(0, _asked(holder, "S-1", "take an object away", lambda: delete_nothing(client)))
    if holder is not CredentialHolder.HOST:
        what = "forge a snapshot"
        found.append(
            _asked(holder, "M-3", what, lambda: post(f"snapshots/{wrong}", _BODY), "its false name stopped it")
        )
    if holder is CredentialHolder.HOST:
        found.append(_false_name(post, wrong))
    return found


def _same_config(row: Tried) -> Tried:
    """Our gateway takes the same bytes again as the one object that they are, and other bytes would be harm."""
    if row.held is not AuditState.NO:
        return row
    words = "the same bytes are taken as one object; others are not tried, and rounds watch the config"
    return Tried(row.holder, row.threats, row.what, AuditState.UNTRIED, words)


def _false_name(post: Callable[[str, bytes], int], wrong: str) -> Tried:
    """Other bytes than the name promises, as a lock: a host may take its locks away again."""
    row = _asked(CredentialHolder.HOST, "A-6", "store bytes under a false name", lambda: post(f"locks/{wrong}", _BODY))
    if row.held is AuditState.NO and row.answer.endswith(("(200)", "(201)", "(204)")):
        words = f"it was stored; remove locks/{wrong}"
        return Tried(row.holder, row.threats, row.what, AuditState.NO, words)
    if row.held is AuditState.UNTRIED:
        return row
    return Tried(row.holder, row.threats, row.what, AuditState.YES, "refused for its name")


def _bucket(store: S3Store, holder: CredentialHolder) -> list[Tried]:
    client: S3Client = store.client
    prefix = store.address.prefix

    def put(path: str, md5: str = _OTHER_MD5) -> int:
        """PUT with a body that is not what its headers promise: it is refused for that by whoever lets it in."""
        head = {"Content-Length": str(len(_BODY)), "x-amz-content-sha256": _OTHER, "Content-MD5": md5}
        answer = client.ask("PUT", path, head, _BODY)
        answer.close()
        return answer.status

    def overwrite(data: bytes) -> int:
        head = {"Content-Length": str(len(data)), "x-amz-content-sha256": hashlib.sha256(data).hexdigest()}
        answer = client.ask("PUT", f"{prefix}config", head, data)
        answer.close()
        return answer.status

    def get() -> int:
        answer = client.ask("GET", f"{prefix}config")
        answer.close()
        return answer.status

    if holder is CredentialHolder.STRANGER:
        return [_asked(holder, "G-8", "read without a credential", get)]
    found = [
        _config(store, holder, overwrite),
        _asked(holder, "S-1", "end a version for good", lambda: delete_no_version(client, prefix)),
    ]
    found += [
        _asked(holder, threats, what, lambda setting=setting: put(f"?{setting}=", _MD5))  # type: ignore[misc]
        for setting, (threats, what) in _SETTINGS.items()
    ]
    wrong = secrets.token_hex(32)
    if holder is not CredentialHolder.EXECUTOR:
        found.insert(0, _asked(holder, "S-1", "take an object away", lambda: delete_nothing(client, prefix)))
    if holder is not CredentialHolder.HOST:
        found.append(_asked(holder, "M-3", "forge a snapshot", lambda: put(f"{prefix}snapshots/{wrong}")))
    keys = _asked(holder, "K-1, K-4", "add a key", lambda: put(f"{prefix}keys/{wrong}"))
    words = "a bucket takes any bytes under any name; a round finds them"
    return [*found, keys, Tried(holder, "A-6", "store bytes under a false name", AuditState.UNTRIED, words)]


def _config(store: Store, holder: CredentialHolder, write: Callable[[bytes], int]) -> Tried:
    what = "write over the config (with its own bytes)"
    try:
        data = store.read_bytes(CONFIG)
    except StrongroomError as problem:
        return Tried(holder, "K-5", what, AuditState.UNTRIED, str(problem).partition("\n")[0])
    row = _asked(holder, "K-5", what, lambda: write(data))
    if row.held is AuditState.NO and row.answer.endswith(("(409)", "(412)")):
        return Tried(holder, "K-5", what, AuditState.YES, "refused, since it is there")
    return row


def _folder(store: LocalStore, holder: CredentialHolder) -> list[Tried]:
    """Whether whoever runs this may write in the folder; nothing is tried but asking the system."""
    who = f"user {os.geteuid()}"
    if holder is CredentialHolder.STRANGER:
        return []
    found = []
    for threats, what, path in (
        ("S-1", "take an object away", os.path.join(store.path, "snapshots")),
        ("K-5", "write over the config", os.path.join(store.path, "config")),
        ("K-1, K-4", "add a key", os.path.join(store.path, "keys")),
    ):
        if not os.path.lexists(path):
            found.append(Tried(holder, threats, what, AuditState.UNTRIED, f"{path} is not there"))
        elif os.access(path, os.W_OK, effective_ids=True):
            words = f"{who} can write to {path}: let no host run as it, and no host see this folder"
            found.append(Tried(holder, threats, what, AuditState.NO, words))
        else:
            found.append(Tried(holder, threats, what, AuditState.YES, f"{who} cannot write to {path}"))
    return found
