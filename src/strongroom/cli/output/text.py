"""Numbers and names as people read them. Formats are restic's, so that eyes and scripts carry over."""

from __future__ import annotations


def format_seconds(seconds: float) -> str:
    """``0:05``, ``12:34`` or ``1:02:03``."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}"


def format_percent(part: float, whole: float) -> str:
    """``12.34%``, never above 100."""
    return f"{min(100.0, 100.0 * part / whole) if whole else 0.0:.2f}%"


def as_text(name: bytes | str) -> str:
    """A name as valid Unicode, for JSON: bytes that are not UTF-8 become U+FFFD, as in restic's."""
    data = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    return data.decode("utf-8", "replace")


def printable(name: bytes | str) -> str:
    """A name that cannot steer a terminal or break a line: left alone, or quoted with escapes as soon as it could."""
    text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
    return text if text.isprintable() else quoted(name)


def quoted(name: bytes | str) -> str:
    """A name in quotes, with Go's escapes for what could steer a terminal or end the quotes."""
    text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
    return '"' + "".join(_escape(letter) for letter in text) + '"'


_SHORT = {
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\\": "\\\\",
    '"': '\\"',
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\v": "\\v",
}


def _escape(letter: str) -> str:
    code = ord(letter)
    if letter in _SHORT:
        return _SHORT[letter]
    if letter.isprintable():
        return letter
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable_lines(text: str) -> str:
    """A message of ours that may quote a foreign name: control characters escaped, line ends kept."""
    return "\n".join(
        "".join(letter if letter.isprintable() else _escape(letter) for letter in line) for line in text.split("\n")
    )


def width(text: str) -> int:
    """How many columns a terminal needs for this."""
    if text.isascii():
        return len(text)
    import unicodedata  # a megabyte of tables that few names need

    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def shorten(text: str, columns: int) -> str:
    """The text cut to so many columns, with an ellipsis where something is missing."""
    if width(text) <= columns:
        return text
    kept, used = [], 0
    for letter in text:
        used += width(letter)
        if used > columns - 1:
            break
        kept.append(letter)
    return "".join(kept) + "…" if columns > 0 else ""
