"""How many cold files may become something else before that is a reason for suspicion: pure numbers and words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from strongroom.custody.judging.terms import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

REWRITTEN, TURNED = "cold_rewritten", "cold_turned"
"""Names of the measures, files both: cold ones with other content, and those of them that became something else."""
COLD_FILES_TURNED = "cold-files-turned"
AT_LEAST, SHARE = 20, 0.005
"""Files that became something else within the window up to which it is no wonder: so many, or so large a share."""
CERTAIN = 2.58
"""Standard deviations (Wilson's interval): 99.5 times of 100 it is as many as is said, or more."""


def limit(files: float) -> float:
    """How many may become something else in four weeks, of a snapshot with so many files."""
    return max(AT_LEAST, SHARE * files)


def at_least(hits: int, looked: int, of: int) -> float:
    """How many of ``of`` it is at least, certainly, where ``hits`` of ``looked`` that were drawn are."""
    if not looked:
        return 0
    if looked >= of:
        return hits
    share, square = hits / looked, CERTAIN**2
    middle = share + square / (2 * looked)
    spread = CERTAIN * math.sqrt(share * (1 - share) / looked + square / (4 * looked**2))
    return max(hits, math.floor(of * max(0.0, (middle - spread) / (1 + square / looked))))


def cold_reasons(measures: Mapping[str, float]) -> list[Reason]:
    """The reason, where there is one. No source learns that this is usual: an operator's `accept` begins anew."""
    value, most = measures.get(TURNED, 0), limit(measures.get("files", 0))
    if value <= most:
        return []
    words = (
        f"{value:.0f} files at least that nobody had touched for weeks became something else within the last four"
        " weeks, as encryption makes of them"
    )
    return [Reason(COLD_FILES_TURNED, value, most, words)]
