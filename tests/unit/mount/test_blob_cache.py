"""Blobs in bounded memory, fetched once and ahead."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from strongroom.mount.blob_cache import AHEAD, TOGETHER, BlobCache
from tests.support import waiting
from tests.unit.mount.loading import Loading

if TYPE_CHECKING:
    from strongroom.repository.packs.together import Plain


def test_a_blob_is_loaded_once_by_many_readers() -> None:
    """Readers that want one blob at the same time wait for the one who fetches it."""
    loaded: list[str] = []
    gate = threading.Event()

    def load(blob: str) -> bytes:
        loaded.append(blob)
        gate.wait(10)
        return b"content"

    cache = BlobCache(Loading(load), 0)
    found: list[Plain] = []
    readers = [threading.Thread(target=lambda: found.append(cache.get("a"))) for _ in range(20)]
    for reader in readers:
        reader.start()
    gate.set()
    for reader in readers:
        reader.join()
    assert found == [b"content"] * 20 and loaded == ["a"]


def test_memory_is_bounded() -> None:
    """What was not asked for longest goes first; what is asked for again is loaded again."""
    loaded: list[str] = []

    def load(blob: str) -> bytes:
        loaded.append(blob)
        return bytes(40)

    cache = BlobCache(Loading(load), 0, memory=100)
    for blob in "abacab":
        cache.get(blob)
    assert loaded == ["a", "b", "c", "b"]


def test_blobs_are_fetched_ahead() -> None:
    """What is announced is there when it is asked for; an error in it is told to whoever asks, not before."""
    loaded: list[str] = []

    def load(blob: str) -> bytes:
        loaded.append(blob)
        if blob == "bad":
            raise ValueError(blob)
        return blob.encode()

    cache = BlobCache(Loading(load), 2)
    cache.ahead(["x", "bad", "y"])
    waiting.until(lambda: len(loaded) == 3)
    assert (cache.get("x"), cache.get("y")) == (b"x", b"y")
    with pytest.raises(ValueError, match="bad"):
        cache.get("bad")
    assert loaded.count("x") == loaded.count("y") == 1 and loaded.count("bad") == 2
    cache.close()
    cache.ahead(["z"])
    assert cache.get("z") == b"z"


def test_a_reader_after_a_failed_fetch_tries_again() -> None:
    """One failure is not for ever: the next reader loads the blob anew."""
    answers: list[OSError | bytes] = [OSError("away"), b"there"]

    def load(_: str) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    cache = BlobCache(Loading(load), 0)
    with pytest.raises(OSError, match="away"):
        cache.get("a")
    assert cache.get("a") == b"there"


def test_what_waits_is_fetched_together_as_far_as_it_is_small() -> None:
    """Small blobs share one fetch; of those that are large each has its own."""
    for size, together in ((1, [["a", "b", "c"]]), (TOGETHER // 2, [["a", "b"]])):
        loaded: list[str] = []
        source = Loading(lambda blob, loaded=loaded: loaded.append(blob) or b"x", size)  # type: ignore[misc]
        cache = BlobCache(source, 1)
        cache.ahead("abc")
        waiting.until(lambda loaded=loaded: len(loaded) == 3)  # type: ignore[misc]
        assert source.together == together and loaded == ["a", "b", "c"]
        cache.close()


def test_what_there_is_no_room_for_is_not_taken() -> None:
    """Whoever announces is told how many were taken: what was not can be announced again, once there is room."""
    cache = BlobCache(Loading(lambda _: b"x"), 0)
    assert cache.ahead("abc") == 0
    source = Loading(lambda blob: bytes(AHEAD + 1) if blob == "large" else b"x")
    cache = BlobCache(source, 1)
    assert cache.ahead(["large"]) == 1
    waiting.until(lambda: cache.ahead(["b"]) == 0)
    assert len(cache.get("large")) == AHEAD + 1
    assert cache.ahead(["b"]) == 1
    cache.close()
