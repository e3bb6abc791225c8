"""Tables as restic prints them: columns two spaces apart, a rule above and below, a line at the end."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from strongroom.cli.output.text import width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], footer: str = "", *, apart: bool = False
) -> Iterator[str]:
    """The lines of a table. A cell may have several lines. Nothing is printed behind the last column's text.

    ``apart``: an empty line stands between rows.
    """
    cells = [[cell.split("\n") if "\n" in cell else (cell,) for cell in row] for row in rows]
    widths = [
        max([width(heading), *(len(line) if line.isascii() else width(line) for row in cells for line in row[column])])
        for column, heading in enumerate(headings)
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    yield _line(headings, widths)
    yield rule
    for position, row in enumerate(cells):
        if apart and position:
            yield ""
        if all(len(cell) == 1 for cell in row):  # as nearly all have
            yield _line([cell[0] for cell in row], widths)
            continue
        for texts in zip_longest(*row, fillvalue=""):
            yield _line(texts, widths)
    yield rule
    if footer:
        yield footer


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    if all(map(str.isascii, texts)):
        return "  ".join(map(str.ljust, texts, widths)).rstrip()
    padded = [text + " " * (wide - width(text)) for text, wide in zip(texts, widths, strict=True)]
    return "  ".join(padded).rstrip()
