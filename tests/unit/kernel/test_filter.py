"""restic's patterns as Python sees them."""

from __future__ import annotations

import pytest

from strongroom import _kernel
from strongroom._kernel import Filter
from strongroom.base.errors import Unsupported


def test_excludes() -> None:
    """Exact and folded lists leave out; later patterns take back within their own list only."""
    filter = Filter(["*.o", "!keep.o", b"\xff"], ["TMP"])
    assert filter.excludes("/a/b.o")
    assert not filter.excludes(b"/a/keep.o")
    assert filter.excludes("/x/tMp/y")
    assert filter.excludes("/\udcff")
    assert Filter(["*.o", "!keep.o"], ["*.O"]).excludes("/keep.o")


def test_selection() -> None:
    """A restore goes down where something below may be wanted, and nowhere else."""
    filter = Filter(includes=["/home/*/mail"], iincludes=["/ETC/**/x"])
    assert filter.select("/home", True) == (False, True)
    assert filter.select("/home/u/mail/new", False) == (True, False)
    assert filter.select("/etc/a/b", True) == (False, True)
    assert filter.select("/usr", True) == (False, False)
    assert Filter(excludes=["u"]).select("/home/u/mail", True) == (False, False)
    assert Filter().select("/anything", True) == (True, True)


def test_malformed() -> None:
    """Every malformed pattern is found before anything is read."""
    assert _kernel.malformed_patterns(["ok", "a[", "[]", "\\"]) == [b"a[", b"[]", b"\\"]
    with pytest.raises(Unsupported):
        Filter(["a["])
