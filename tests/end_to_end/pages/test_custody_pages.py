"""The custodian's pages: a section for each incident, each setting of the policy, each member that programs read."""

from __future__ import annotations

import re
from pathlib import Path

from strongroom.custody.incidents import Code
from strongroom.custody.policy import NAMES, CustodyPolicy
from tests.support.custody.custodian import Custodian
from tests.support.forge import Forge, node
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = (DOCS / "guides" / "custodian.md").read_text()


def test_each_incident_has_its_section() -> None:
    """Each code that a program may meet has a heading, and no heading is of a code that there is not."""
    part = GUIDE.partition("## What to do at each incident")[2].partition("\n## ")[0]
    told = [code for line in re.findall(r"^### (.+)$", part, re.MULTILINE) for code in line.split(", ")]
    assert sorted(told) == sorted(code.value for code in Code)


def test_each_setting_is_in_the_table_with_its_default() -> None:
    """What ``adopt --policy`` takes, and what it is without a word."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", GUIDE, re.MULTILINE))
    assert rows == {name: str(getattr(CustodyPolicy(), name)) for name in NAMES}


def test_programs_find_the_members_that_the_page_names(strongroom: Strongroom, tmp_path: Path) -> None:
    """What the verbs write as JSON has the members of the page; others may come, and none goes."""
    page = (DOCS / "reference" / "custody-json.md").read_text()
    members: dict[str, set[str]] = {}
    for verb, names in re.findall(r"^\| `([\w -]+)` \| \w+ \| (.+) \|$", page, re.MULTILINE):
        members.setdefault(verb, set()).update(re.findall(r"`(\w+)`", names))
    forge = Forge(tmp_path / "repository")
    forge.snapshot(forge.tree(node("file", "file", content=[], size=0)))
    forge.index()
    strongroom.env["RESTIC_PASSWORD"] = PASSWORD.decode()
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", forge.place)
    planted = forge.key().name
    custodian.round()
    for verb in ("repositories", "status", "incidents", "source web01", "verify web01", "audit web01"):
        found = custodian.run(*verb.split(), "--json").json()
        one = found[0] if isinstance(found, list) else found
        assert set(one) >= members[verb.partition(" ")[0]], verb
    (snapshot,) = custodian.run("snapshots", "web01", "--json").json()
    assert members["snapshots"] < set(snapshot)
    explained = custodian.run("explain", "web01", snapshot["id"], "--json").json()
    assert set(explained) >= set(snapshot) | (members["explain"] - {"snapshots"})
    aside = custodian.run("set-aside", "web01", f"keys/{planted[:12]}", "--json").expect(0).json()
    assert set(aside) >= members["set-aside"]
    released = custodian.run("release", "web01", "--json").expect(0).json()
    assert set(released) >= members["release"]
