"""The blob index stays small while it loads what a large repository has."""

from __future__ import annotations

import pytest
from benchmarks import index_memory


@pytest.mark.slow
def test_five_million_blobs() -> None:
    """A process that loads real index files of five million blobs grows by at most 64 bytes for each."""
    loaded, resident, own = index_memory.measure(5_000_000)
    assert loaded == 5_000_000
    assert resident <= 64, f"{resident:.1f} bytes a blob resident, {own:.1f} by the index's own account"
