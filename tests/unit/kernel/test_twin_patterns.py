"""The kernel's filter against its twin, which is restic's algorithm step by step."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom import _kernel
from tests.twins import patterns as twin

NAMES = st.lists(st.sampled_from([*b"a b ab x A * [ !".split(), "ä".encode(), b"\xff"]), min_size=1)
PARTS = st.sampled_from(
    [
        b"a",
        b"b",
        b"*",
        b"**",
        b"?",
        b"a*",
        b"*b",
        b"[a-c]",
        b"[^a]",
        b"\\*",
        b"a?",
        b"..",
        b"",
        b".",
        b"*a*b*",
        b"\xff*",
    ]
)
PATTERN = st.builds(
    lambda negated, rooted, parts: negated + rooted + b"/".join(parts),
    st.sampled_from([b"", b"", b"!"]),
    st.sampled_from([b"", b"/", b"//"]),
    st.lists(PARTS, min_size=1, max_size=6),
).filter(lambda pattern: pattern.strip(b"/") != b"" or pattern.startswith(b"/"))
PATH = st.lists(NAMES.map(b"".join), max_size=6).map(lambda names: b"/" + b"/".join(names))


@settings(max_examples=600, deadline=None)
@given(st.lists(PATTERN, max_size=4), PATH)
def test_lists(patterns: list[bytes], path: bytes) -> None:
    """Match and child match are the twin's, for lists with ``**``, negation and odd spellings."""
    expected = twin.listed(patterns, path)
    filter = _kernel.Filter(includes=patterns)
    assert _kernel.Filter(patterns).excludes(path) == expected[0]
    if any(patterns):
        assert filter.select(path, True) == expected


@settings(max_examples=600, deadline=None)
@given(st.text("ab*?[]^-\\é", max_size=8), st.text("ab*[]-^\\é", min_size=1, max_size=6))
def test_globs(pattern: str, name: str) -> None:
    """One part matches as in Go; where Go finds an error on some name, the kernel refuses the pattern."""
    if _kernel.malformed_patterns([pattern]) or not pattern:
        return
    hit = twin.glob(pattern.encode(), name.encode())
    expected = hit if pattern != "**" else True
    if pattern not in (".", ".."):
        assert _kernel.Filter([pattern]).excludes(b"/" + name.encode()) == expected
