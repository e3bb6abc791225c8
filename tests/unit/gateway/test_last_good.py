"""What files said when they loaded last: shared by processes, whole at every moment."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from strongroom.gateway.last_good import LastGood


@given(st.lists(st.binary(max_size=300), max_size=6), st.data())
def test_what_was_kept_last_is_read(texts: list[bytes], data: st.DataObject) -> None:
    """Also when whoever wrote the next one was killed at any byte of it."""
    kept = LastGood()
    assert kept.text() is None
    for text in texts:
        kept.keep(text)
        assert kept.text() == text
    if texts:
        older = min(kept._slots, key=kept._slot)
        torn = os.pread(max(kept._slots, key=kept._slot), 1000, 0)
        os.pwrite(older, torn[: data.draw(st.integers(0, 47))], 0)
        assert kept.text() == texts[-1]


def test_processes_share_it() -> None:
    """What a forked process keeps is read by the one that it came from."""
    kept = LastGood()
    kept.keep(b"one")
    pid = os.fork()
    if pid == 0:
        kept.keep(b"two" if kept.text() == b"one" else b"?")
        os._exit(0)
    os.waitpid(pid, 0)
    assert kept.text() == b"two"
