"""Times by Go's layouts, against what Go 1.26 wrote."""

from __future__ import annotations

import pytest

from strongroom.format.timestamp import Timestamp
from strongroom.mount.go_layout import RFC3339, written

EAST, UTC, WEST = "2026-11-30T05:07:09.012340567+02:00", "2020-02-03T15:04:05Z", "1999-12-31T00:59:59.5-03:30"


@pytest.mark.parametrize(
    ("layout", "moment", "expected"),
    [
        (RFC3339, EAST, "2026-11-30T05:07:09+02:00"),
        (RFC3339, UTC, "2020-02-03T15:04:05Z"),
        ("2006-01-02_15-04-05", EAST, "2026-11-30_05-07-09"),
        ("Mon Jan 2 15:04:05 -0700 MST 2006", WEST, "Fri Dec 31 00:59:59 -0330 -0330 1999"),
        ("Mon Jan 2 15:04:05 -0700 MST 2006", UTC, "Mon Feb 3 15:04:05 +0000 UTC 2020"),
        ("January Monday Janus Mond 3:4:5 pm _2 __2 002 06", UTC, "February Monday Janus Mond 3:4:5 pm  3  34 034 20"),
        ("15.000,999999999 Z0700 Z07 Z07:00:00 -07:00", EAST, "05.012,012340567 +0200 +02 +02:00:00 +02:00"),
        ("15.000,999999999 Z0700 Z07 Z07:00:00 -07", WEST, "00.500,5 -0330 -03 -03:30:00 -03"),
        ("_2006 x.0001 .99 .9999999", UTC, "_2020 x.0002  "),
        ("20060102 03pm.000000", EAST, "20261130 05am.012340"),
    ],
)  # fmt: skip
def test_a_layout_gives_what_go_gives(layout: str, moment: str, expected: str) -> None:
    """Every part of a layout is written as Go writes it, in the moment's own offset."""
    assert written(Timestamp.parse(moment), layout) == expected


@pytest.mark.parametrize("ns", [-(1 << 62), 253_402_300_800 * 10**9 - 1])
def test_years_that_python_has_not_are_clipped(ns: int) -> None:
    """A moment at either end of what a snapshot may claim is written, not refused."""
    assert len(written(Timestamp(ns, 3600), RFC3339)) == len("2006-01-02T15:04:05+01:00")
