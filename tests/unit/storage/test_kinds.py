"""Which kind of store there is for which URL, and what each can do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from strongroom.base.errors import Unsupported
from strongroom.storage import removal
from strongroom.storage.contract import Store, StoreKind
from strongroom.storage.kinds import KINDS, keyed_of, versions_of
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.wrappers.wrapper import innermost

SOURCE = Path(__file__).parents[3] / "src" / "strongroom"
URLS = {
    StoreKind.LOCAL: "/nowhere",
    StoreKind.REST: "rest:http://127.0.0.1:1/",
    StoreKind.S3: "s3:http://127.0.0.1:1/bucket",
    StoreKind.CLOUD: "gs:bucket:/prefix",
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a bucket that nobody asks."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def opened(kind: StoreKind) -> Store:
    """A store of a kind; nobody is asked."""
    return open_store(URLS[kind], StoreOptions(limit_upload=1))


@pytest.mark.parametrize("kind", [StoreKind.LOCAL, StoreKind.REST, StoreKind.S3])
def test_a_store_says_of_what_kind_it_is(kind: StoreKind) -> None:
    """Also through its wrappers."""
    store = opened(kind)
    assert innermost(store) is not store
    assert store.store_kind is kind


def test_every_kind_is_registered() -> None:
    """Each has an entry here and a way to remove."""
    assert set(KINDS) == set(StoreKind)
    assert set(removal.REMOVALS) == set(StoreKind)


def test_what_a_kind_cannot_do_is_said() -> None:
    """A folder keeps no versions and has no keys."""
    with pytest.raises(Unsupported):
        versions_of(opened(StoreKind.LOCAL))
    with pytest.raises(Unsupported):
        keyed_of(opened(StoreKind.REST))
    assert versions_of(opened(StoreKind.S3)) is not None
    assert keyed_of(opened(StoreKind.S3)) is not None


def test_no_class_is_known_by_its_name() -> None:
    """Nothing is decided by the name of a class as text: names are compared nowhere."""
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Compare | ast.Match)
        for one in ([node.left, *node.comparators] if isinstance(node, ast.Compare) else [node.subject])
        if isinstance(one, ast.Attribute) and one.attr in {"__name__", "__qualname__"}
    ]
    assert found == []
