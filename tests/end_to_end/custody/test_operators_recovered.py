"""M-3: where the keys of all operators are lost, by the commands that the guide names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.custody.custodian import Custodian
from tests.support.forge import ordinary
from tests.support.programs import Strongroom


def _key(custodian: Custodian, name: str, file: Path) -> str:
    return custodian.run("operator", "new", name, file).expect(0).out.strip()


@pytest.mark.slow
def test_m_3_the_recovery_sheet_names_operators_in_sight_of_all(strongroom: Strongroom, tmp_path: Path) -> None:
    """M-3: `init` made it known; the incident and every status say it at once, an operator who is left ends it, and
    what the sheet signed stands in the audit trail."""
    forge = ordinary(tmp_path / "repository")
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web", forge.place)
    sheet = tmp_path / "recovery.txt"
    sheet.write_text(custodian.recovery + "\n")
    sheet.chmod(0o600)
    alice = _key(custodian, "alice", tmp_path / "alice.key")
    carol = _key(custodian, "carol", tmp_path / "carol.key")
    custodian.run("operator", "add", alice).expect(0)
    refused = custodian.run("operator", "recover", carol)
    assert refused.code == 1 and "--recovery FILE" in refused.err
    said = custodian.run("operator", "recover", carol, "--recovery", sheet).expect(0).out
    assert "carol will be the only operator from" in said
    listed = custodian.run("operator", "list").expect(0)
    assert alice in listed.out and carol not in listed.out and "the recovery identity asked" in listed.err
    custodian.round()
    (one,) = custodian.run("incidents", "--json").json()
    assert (one["code"], one["repository"]) == ("operators", "web")
    status = custodian.run("status")
    assert status.code == 73 and "operator keep" in status.out
    custodian.run("operator", "keep", "--sign-with", tmp_path / "alice.key").expect(0)
    assert custodian.run("incidents", "--json").json() == []
    assert custodian.run("status").code == 0
