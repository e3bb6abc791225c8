"""``.strongroom/custodian`` beside a repository: who may have something deleted there.

Files are written once, so the first names a judge, and the ones after it, ``custodian.1`` and on, say in turn that this
judge released it, signed by its key for this repository and this number, and who took it up. What does not fit into its
place says nothing: neither a release that was copied from another repository, nor one of before it named any.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError, Damaged, Exists, Missing, Unsupported
from strongroom.receipts.log.note import Verifier
from strongroom.storage.repository_files import files_beside

if TYPE_CHECKING:
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.contract import Store
    from strongroom.storage.own.contract import OwnFiles

KEEPER = "strongroom-keeper"
"""The name of the key of who keeps a replica: it is named in the same way."""
_NAME = "custodian"
_RELEASED = "released "
_LIMIT = 4096
_MOST = 1000
"""So many files are looked at; each release and each new custodian is one."""


def has_place(store: Store) -> bool:
    """Whether this kind of store has a place for the mark; a REST server has none, and its roles say who deletes."""
    try:
        files_beside(store)
    except Unsupported:
        return False
    return True


def make_mark(store: Store, repository: str, judge: str) -> str:
    """Name the judge whose plans count here, unless somebody is named already; in words, why this one's do not.

    Raises the store's errors.
    """
    try:
        files = files_beside(store)
    except Unsupported:
        return ""
    named, number = _newest(files, repository)
    if named is None:
        try:
            files.write_once(_path(number), f"{judge}\n".encode())
        except Exists:  # another was faster, and is named
            named, _ = _newest(files, repository)
    if named in (None, judge):
        return ""
    return (
        f"`.strongroom/custodian` names another custodian, {named}, so nothing goes by this one; where that one is "
        "gone for good, or an intruder's, take the file away by the store's own means"
    )


def read_mark(store: Store, repository: str) -> str | None:
    """Who is named for the repository of this ID; None where nobody is. Raises the store's errors."""
    return _newest(files_beside(store), repository)[0]


def is_in_care(store: Store, repository: str) -> bool:
    """Whether a custodian is named there that is no replica's keeper: no second copy belongs there."""
    try:
        named = read_mark(store, repository)
    except Unsupported:
        return False
    return named is not None and not named.startswith(f"{KEEPER}+")


def release_mark(store: Store, repository: str, signer: Signer) -> bool:
    """Say that this judge lets nothing go here any more; whether it was named. Raises the store's errors."""
    try:
        files = files_beside(store)
    except Unsupported:
        return False
    named, number = _newest(files, repository)
    if named != str(signer.verifier):
        return False
    signature = base64.b64encode(signer.sign_bytes(_message(repository, number))).decode()
    files.write_once(_path(number), f"{_RELEASED}{signature}\n".encode())
    return True


def _newest(files: OwnFiles, repository: str) -> tuple[str | None, int]:
    """Who is named, and the number of the first file that is not there."""
    named: str | None = None
    for number in range(_MOST):
        try:
            text = files.read(_path(number))[:_LIMIT].decode("utf-8", "replace").strip()
        except Missing:
            return named, number
        if named is None:
            if _is_judge(text):
                named = text
        elif _is_release(text, named, repository, number):
            named = None
    return named, _MOST


def _path(number: int) -> str:
    return _NAME if number == 0 else f"{_NAME}.{number}"


def _message(repository: str, number: int) -> bytes:
    return f"strongroom custody release 2\nrepository {repository}\nnumber {number}".encode()


def _is_judge(text: str) -> bool:
    try:
        Verifier.parse(text)
    except (ConfigurationError, Damaged):
        return False
    return True


def _is_release(text: str, judge: str, repository: str, number: int) -> bool:
    if not text.startswith(_RELEASED):
        return False
    try:
        signature = base64.b64decode(text.removeprefix(_RELEASED), validate=True)
        Verifier.parse(judge).verify_bytes(signature, _message(repository, number))
    except (binascii.Error, Damaged):
        return False
    return True
