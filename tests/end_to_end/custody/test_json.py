"""What each verb of ``custody`` writes with --json is what its schema says, member by member."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.custody.custodian import Custodian
from tests.support.custody.schema import VERBS, check_output
from tests.support.forge import Forge, dumps, node, sha
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD

ELSEWHERE = {"executor init", "executor run", "executor show", "import", "follow", "card", "reseal", "reissue"}
"""Verbs that need another state or a server: their own tests run them with --json, or say what they print."""


def test_each_verb_writes_what_the_schema_says(strongroom: Strongroom, tmp_path: Path) -> None:
    """From ``init`` to ``release``, with a suspicious snapshot, a lying index, a lost pack and a plan on the way."""
    forge = Forge(tmp_path / "repository")
    tree = forge.tree(node("file", "file", content=forge.pack(("data", b"content")), size=7))
    forge.index()
    forge.snapshot(tree)
    strongroom.env["RESTIC_PASSWORD"] = PASSWORD.decode()
    custodian = Custodian(strongroom, tmp_path / "state")
    ran: set[str] = set()

    def run(verb: str, *words: str | Path) -> str:
        found = custodian.run(verb, *words, "--json")
        assert found.out, found.describe()
        ran.add(f"{verb} {words[0]}" if f"{verb} {words[0] if words else ''}" in VERBS else verb)
        return found.out

    check_output(["init"], strongroom.run("custody", "init", "--state", str(tmp_path / "third"), "--json").out)
    ran.add("init")
    run("adopt", "web", "--store", forge.place)
    run("round", "--all")
    key = re.search(r'"key":"(alice[^"]+)"', run("operator", "new", "alice", tmp_path / "alice.key"))
    assert key is not None
    ran.add("operator new")
    roster = (
        ("add", key[1]),
        ("require", "web", "0"),
        ("list",),
        ("remove", key[1], "--sign-with", str(tmp_path / "alice.key")),
    )
    for words in roster:
        run("operator", *words)
        ran.add(f"operator {words[0]}")
    hole = forge.tree(node("hole", "file", content=[sha(b"nowhere")], size=7))
    bad = forge.snapshot(hole, hostname="other").name
    liar = forge.unpacked(
        "index", dumps({"packs": [{"id": forge.entries[0]["id"], "blobs": forge.entries[1]["blobs"]}]})
    ).name
    run("round", "web", "--no-execute")
    for verb in ("status", "incidents", "snapshots", "source", "repositories", "wanted", "audit"):
        run(verb, *(() if verb in ("status", "repositories", "incidents", "snapshots") else ("web",)))
    run("incidents", "web", "--closed")
    run("explain", "web", bad[:10])
    for verb in ("pin", "unpin", "condemn"):
        run(verb, "web", bad)
    fresh = next(one["source"] for one in json.loads(run("source", "web")) if not one["accepted"])
    run("accept", "web", "--source", fresh)
    run("retire", "web", fresh)
    number = str(json.loads(run("set-aside", "web", f"index/{liar}"))["plan"])
    run("undo", "web", number)
    run("round", "web", "--no-execute")
    waiting = str(next(one["number"] for one in json.loads(run("plan", "show", "web")) if one["kind"] == "snapshots"))
    for action in ("approve", "cancel"):
        run("plan", action, "web", waiting)
    run("execute", "web")
    once = (("verify",), ("heal",), ("drill",), ("drill", "--sign"), ("last-good",), ("purge",), ("round", "--dry-run"))
    for words in once:
        run(words[0], "web", *words[1:])
    run("last-good", "web", "/file")
    run("rewind", "web", "--to", "2020-01-01 00:00", "--dry-run")
    run("replicate", "web", "--to", str(tmp_path / "replica"))
    ran |= _keep(strongroom, forge, tmp_path, json.loads(run("repositories"))[0]["id"])
    run("change", "web", "--policy", "daily=9")
    run("export", tmp_path / "custody.age")
    run("rebuild", "web")
    run("release", "web")
    assert set(VERBS) - ran == ELSEWHERE


def _keep(strongroom: Strongroom, forge: Forge, tmp_path: Path, repository: str) -> set[str]:
    """What the keeper of the replica writes; it has a folder of its own. Which verbs of the schema that was."""
    judge = (forge.place / ".strongroom" / "custodian").read_text().strip()
    of = ("--store", str(tmp_path / "replica"), "--judge", judge, "--repository", repository)
    keeper = ("--keeper", str(tmp_path / "keeper"), "--json")
    for action in ("init", "run", "show"):
        words = of if action == "init" else ()
        check_output(["keep", action], strongroom.run("custody", "keep", action, *words, *keeper).expect(0).out)
    return {"keep", "keep run", "keep show"}


def test_a_member_that_no_schema_names_is_found() -> None:
    """A member more, one less, and one of another kind."""
    good = '{"message_type": "custody_decision", "message": "done"}'
    check_output(["pin", "web"], good)
    for bad in (
        '{"message_type": "custody_decision"}',
        good.replace("done", '", "more": "'),
        good.replace('"done"', "1"),
    ):
        with pytest.raises(AssertionError):
            check_output(["pin", "web"], bad)
