"""The twin of the kernel's filter: restic's algorithm as it stands, with every ``**`` expanded into stars.

Malformed patterns raise ``BadPattern`` where Go's ``filepath.Match`` returns an error; the kernel refuses them all
before.
"""

from __future__ import annotations

import posixpath

REPLACEMENT = 0xFFFD


class BadPattern(Exception):
    """Go's ErrBadPattern."""


def _rune(text: bytes) -> tuple[int, int]:
    """The first rune and its width; U+FFFD and 1 where there is none."""
    for width in range(1, min(len(text), 4) + 1):
        try:
            return ord(text[:width].decode()), width
        except UnicodeDecodeError:
            continue
    return REPLACEMENT, 1


def glob(pattern: bytes, name: bytes) -> bool:
    """Go's ``filepath.Match``."""
    while pattern:
        star, chunk, pattern = _scan_chunk(pattern)
        if star and not chunk:
            return b"/" not in name
        rest = _match_chunk(chunk, name)
        if rest is not None and (not rest or pattern):
            name = rest
            continue
        if not star:
            return False
        for skip in range(len(name)):
            if name[skip : skip + 1] == b"/":
                return False
            rest = _match_chunk(chunk, name[skip + 1 :])
            if rest is not None and (pattern or not rest):
                name = rest
                break
        else:
            return False
    return not name


def _scan_chunk(pattern: bytes) -> tuple[bool, bytes, bytes]:
    stripped = pattern.lstrip(b"*")
    star = len(stripped) < len(pattern)
    in_range = False
    at = 0
    while at < len(stripped):
        sign = stripped[at : at + 1]
        if sign == b"\\" and at + 1 < len(stripped):
            at += 1
        elif sign == b"[":
            in_range = True
        elif sign == b"]":
            in_range = False
        elif sign == b"*" and not in_range:
            break
        at += 1
    return star, stripped[:at], stripped[at:]


def _match_chunk(chunk: bytes, text: bytes) -> bytes | None:
    failed = False
    while chunk:
        failed = failed or not text
        sign = chunk[:1]
        if sign == b"[":
            rune, width = (0, 0) if failed else _rune(text)
            text = text[width:]
            chunk, hit = _class(chunk[1:], rune)
            failed = failed or not hit
            continue
        if sign == b"?":
            if not failed:
                failed = text[:1] == b"/"
                text = text[_rune(text)[1] :]
        else:
            if sign == b"\\":
                chunk = chunk[1:]
                if not chunk:
                    raise BadPattern
            if not failed:
                failed = chunk[0] != text[0]
                text = text[1:]
        chunk = chunk[1:]
    return None if failed else text


def _class(chunk: bytes, rune: int) -> tuple[bytes, bool]:
    negated = chunk[:1] == b"^"
    chunk = chunk[negated:]
    hit = False
    ranges = 0
    while not (ranges and chunk[:1] == b"]"):
        low, chunk = _escaped(chunk)
        high = low
        if chunk[:1] == b"-":
            high, chunk = _escaped(chunk[1:])
        hit = hit or low <= rune <= high
        ranges += 1
    return chunk[1:], hit != negated


def _escaped(chunk: bytes) -> tuple[int, bytes]:
    if chunk[:1] in (b"", b"-", b"]"):
        raise BadPattern
    if chunk[:1] == b"\\":
        chunk = chunk[1:]
    if not chunk:
        raise BadPattern
    rune, width = _rune(chunk)
    if (rune == REPLACEMENT and width == 1) or width == len(chunk):
        raise BadPattern
    return rune, chunk[width:]


def _split(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    return [b"/", *parts[1:]] if parts[0] == b"" else parts


def _prepare(pattern: bytes) -> tuple[bool, list[bytes]]:
    """Whether it is negated, and its parts; ``**`` is the empty part."""
    negated = pattern.startswith(b"!")
    cleaned = posixpath.normpath(pattern[negated:])
    if cleaned.startswith(b"//"):  # POSIX leaves two slashes alone, Go does not
        cleaned = cleaned[1:]
    return negated, [b"" if part == b"**" else part for part in _split(cleaned)]


def _match(parts: list[bytes], path: list[bytes]) -> bool:
    if b"" in parts:
        at = parts.index(b"")
        for stars in range(len(path) - len(parts) + 2):
            if _match(parts[:at] + [b"*"] * stars + parts[at + 1 :], path):
                return True
        return False
    if not parts:
        return not path
    first, last = 0, len(path) - len(parts)
    if parts[0] == b"/":
        last = min(last, 0)
    elif path[0] == b"/":
        first = 1
    return any(
        all(_part(part, name) for part, name in zip(parts, path[start:], strict=False))
        for start in range(first, last + 1)
    )


def _part(part: bytes, name: bytes) -> bool:
    return glob(part, name) if any(sign in part for sign in b"\\[]*?") else part == name


def _child_match(parts: list[bytes], path: list[bytes]) -> bool:
    if parts[0] != b"/":
        return True
    if b"" in parts:
        path = path[: parts.index(b"")]
    length = min(len(path), len(parts))
    return _match(parts[:length], path)


def listed(patterns: list[bytes], path: bytes) -> tuple[bool, bool]:
    """Whether the list matches a path, and whether it may match something below: restic's ``ListWithChild``."""
    matched = child = False
    components = _split(path)
    for pattern in filter(None, patterns):
        negated, parts = _prepare(pattern)
        hit = _match(parts, components)
        if negated:
            matched, child = matched and not hit, child and not hit
        else:
            matched, child = matched or hit, child or _child_match(parts, components)
    return matched, child
