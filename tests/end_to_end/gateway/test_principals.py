"""``gateway principal`` and a mistyped place, as an operator meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongroom.cli.main import main
from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import until

DATA = b"a pack"
PATH = f"/r/data/{name_of(DATA)}"


def test_who_was_disabled_can_be_enabled_again(tmp_path: Path) -> None:
    """With the same ID, role and quota and with a new token; the old tokens stay dead, and the list says who is."""
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        words = ("principal", "add", "host", "--repository", "r", "--quota", "1M")
        old = f"host:{operate(gateway, *words)[1].strip()}"
        gateway.make("r", old)
        assert operate(gateway, "principal", "disable", "host")[0] == 0
        until(lambda: gateway.put(PATH, DATA, old) == 401, gateway.said)
        assert "disabled" in operate(gateway, "principal", "list")[1]
        for verb in (("rotate", "host"), ("disable", "host"), ("add", "host"), ("set", "host", "--quota", "2M")):
            code, said = operate(gateway, "principal", *verb)
            assert code != 0
            assert "principal enable" in said
        code, said = operate(gateway, "principal", "enable", "host")
        assert code == 0
        new = f"host:{said.strip()}"
        until(lambda: gateway.put(PATH, DATA, new) == 200, gateway.said)
        assert gateway.put(PATH, DATA, old) == 401
        assert gateway.put(f"/r/data/{name_of(bytes(2 << 20))}", bytes(2 << 20), new) == 507
        assert operate(gateway, "principal", "enable", "host")[0] != 0
        row = json.loads(operate(gateway, "principal", "list", "--json")[1])
        assert (row["disabled"], row["repositories"], row["quota"]["bytes"]) == (False, {"r": "host"}, 1 << 20)
        assert len(gateway.rows("SELECT id FROM principal WHERE name = 'host'")) == 1


def test_a_limit_that_is_none_is_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback for a limit that is no number or size, and nothing is made of it."""
    (tmp_path / "data").mkdir()
    gateway = Gateway(tmp_path)
    for flag in ("--quota", "--objects", "--snapshots-per-day", "--reads-per-day"):
        for value in ("lots", "-1", "1e9", "٣", "9" * 30):
            words = ("gateway", "principal", "add", "host", f"{flag}={value}", *gateway.where)
            assert main(words) != 0, words
            assert flag in capsys.readouterr().err
    code, said = operate(gateway, "principal", "add", "host", "--quota=lots")
    assert code != 0
    assert "Traceback" not in said
    assert operate(gateway, "principal", "list")[1].strip() == ""


def test_a_wrong_place_is_refused_and_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An operator's verb with a mistyped folder says so, and leaves nothing there; a repository's name, too."""
    with Gateway(tmp_path) as gateway:
        gateway.make("team/r")
        empty = tmp_path / "empty"
        empty.mkdir()
        key = name_of(b"key")
        verbs = (
            ("principal", "list"),
            ("principal", "disable", "host"),
            ("principal", "enable", "host"),
            ("panic", "team/r"),
            ("keys", "open", "team/r", "--key", key),
            ("trash", "list", "team/r"),
            ("reconcile", "team/r", "--reason", "x"),
            ("rotate-log",),
        )
        mistyped = tmp_path / "mistyped"
        for place in (mistyped, empty):
            for verb in verbs:
                assert main(("gateway", *verb, "--path", str(place))) != 0, verb
                assert "no gateway keeps its state here" in capsys.readouterr().err
        assert main(("gateway", "principal", "add", "host", "--path", str(mistyped))) != 0
        done = run([STRONGROOM, "gateway", "principal", "list", "--path", mistyped], env=environment(tmp_path))
        assert done.code != 0
        words = ("principal", "add", "host", "--path", str(empty), "--state", str(mistyped))
        assert main(("gateway", *words)) != 0
        assert not (tmp_path / "mistyped").exists()
        assert list(empty.iterdir()) == []
        for name in ("team", "team/x", "nowhere"):
            assert operate(gateway, "panic", name)[0] != 0
        assert not (gateway.data / "team/.strongroom").exists()
        assert operate(gateway, "panic", "team/r")[0] == 0
