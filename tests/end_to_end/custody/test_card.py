"""The card that a custodian writes is the one that invitations carry."""

from __future__ import annotations

import json
from pathlib import Path

from strongroom.base.clock import SYSTEM
from strongroom.fleet.protocol.fingerprint_words import parse_words
from strongroom.fleet.protocol.token import check_custodian, parse_card, parse_token
from tests.support.command import STRONGROOM, environment, run
from tests.support.custody.custodian import Custodian
from tests.support.logs import new_signer
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD, make


def test_an_invitation_carries_the_custodians_card(tmp_path: Path) -> None:
    """Signed by the custodian's key, whose eight words both print; with its recipients and the kit's."""
    env = environment(tmp_path)
    custody, fleet, card = (str(tmp_path / name) for name in ("custody", "fleet", "card"))
    made = run([STRONGROOM, "custody", "init", "--state", custody, "--json"], env=env)
    begun = json.loads(made.out)
    words = ["--gateway", "https://backup.example.org:8000/", "--log-key", str(new_signer().verifier)]
    written = run([STRONGROOM, "custody", "card", card, *words, "--state", custody], env=env)
    assert written.code == 0, written.err
    assert run([STRONGROOM, "fleet", "init", "--url", "https://fleet:8040", "--state", fleet], env=env).code == 0
    with (tmp_path / "fleet" / "fleet.toml").open("a") as file:
        file.write(f'card = "{card}"\n')
    invited = run([STRONGROOM, "fleet", "invite", "web01", "--state", fleet], env=env)
    token = parse_token(invited.out)
    assert token.card is not None and token.ticket.name == "web01"
    found = parse_card(token.card, SYSTEM.now_ns() // 10**9)
    check_custodian(found, parse_words(written.out))
    assert written.out.strip() in invited.err
    assert found.recipients == (begun["recipient"], begun["recovery_recipient"])
    (tmp_path / "card").write_bytes((tmp_path / "card").read_bytes().replace(b"backup.example", b"hacked.example"))
    refused = run([STRONGROOM, "fleet", "invite", "web02", "--state", fleet], env=env)
    assert refused.code == 1 and "does not verify" in refused.err and "custody card" in refused.err


def test_the_kit_shows_the_words_by_which_hosts_know_the_custodian(strongroom: Strongroom, tmp_path: Path) -> None:
    """The card, the invitation and the kit, on paper since before anything went wrong, name one custodian."""
    custodian = Custodian(strongroom, tmp_path / "custody")
    strongroom.env["RESTIC_PASSWORD"] = PASSWORD.decode()
    make(tmp_path / "repository")
    custodian.adopt("web01", tmp_path / "repository")
    gateway = ("--gateway", "https://backup.example.org:8000/", "--log-key", str(new_signer().verifier))
    words = custodian.run("card", tmp_path / "card", *gateway).expect(0).out.strip()
    assert f"\ncustodian   {words}\n" in custodian.run("kit", "web01").expect(0).out
    custodian.run("kit", "web01", "--html", tmp_path / "kit.html").expect(0)
    assert f"<code>{words}</code>" in (tmp_path / "kit.html").read_text()
