"""E-5: what hosts call themselves, and what their runs print, reaches people without steering a terminal or a page."""

from __future__ import annotations

import pytest

from strongroom.base.errors import Damaged
from strongroom.base.record import replace
from strongroom.fleet.protocol.chain import FIRST
from strongroom.fleet.protocol.enrolment import EnrolBegin, parse_begin
from strongroom.fleet.protocol.report import REPORT, HostReport, RunReport, parse_report
from strongroom.fleet.protocol.signed import KeyPair

HOST = KeyPair(b"\1" * 32)
REPORTED = HostReport(
    "run", HOST.id, "12" * 16, 1, FIRST, 9, None, {}, (), RunReport("ab" * 16, "home", None, 1, 2, 1, (), None, (), "")
)


@pytest.mark.parametrize(
    "name", ["\x1b[2Jweb01", "web01\u202e10bew", "<script>", "web/01", "WEB01", "", "x" * 64, "-x"]
)
def test_a_host_is_called_by_a_plain_name(name: str) -> None:
    """E-5: a name that could steer a terminal, a page, a path or a unit is refused before anything is kept."""
    with pytest.raises(Damaged):
        parse_begin(EnrolBegin("00" * 8, HOST.public, name, "0.2").signed(HOST, b"k" * 32))


def test_paths_and_logs_are_sent_visible() -> None:
    """E-5: an honest host sends what its runs printed with control and direction marks spelt out."""
    assert REPORTED.run is not None
    run = replace(REPORTED.run, paths=("/home/\x1b]0;owned\x07\u2066x",), log="one\ntwo\x1b[31m\r\tthree")
    found = parse_report(HOST.sign(REPORT, replace(REPORTED, run=run).to_document())).run
    assert found is not None
    assert found.paths == ("/home/\\x1b]0;owned\\x07\\u2066x",)
    assert found.log == "one\ntwo\\x1b[31m\\x0d\tthree"
