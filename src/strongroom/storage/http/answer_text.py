"""What a server or a proxy wrote for people, fit for an error: one line, no markup, no secret."""

from __future__ import annotations

import html
import re

from strongroom.base.redact import redact

_MARKUP = re.compile(r"\s*(?:<!doctype html|<html|<head|<\?xml|<!--|<body|<title)", re.I)
_TELLING = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1\s*>", re.I | re.S)


def first_line(text: str) -> str:
    """The first line, printable and short; of a page its title, or its heading, or nothing."""
    if _MARKUP.match(text):
        found = _TELLING.search(text)
        text = html.unescape(re.sub(r"<[^>]*>", " ", found[2])) if found else ""
        text = " ".join(text.split())
    line = text.strip().splitlines()[0] if text.strip() else ""
    return "".join(letter for letter in line if letter.isprintable())[:200]


def redirect_hint(location: str) -> str:
    """What to do about a redirect; ``location`` is the header of that name."""
    shown = redact("".join(letter for letter in location if letter.isprintable())[:300])
    if not shown:
        return "It redirects, and does not say where to; give the address of the repository itself."
    return f"It redirects to {shown}; if you trust that, give the address of the repository there."
