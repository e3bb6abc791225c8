"""Which key opens a repository, what is skipped on the way, and adding and removing keys."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from strongroom import _kernel
from strongroom.base.errors import Damaged, Exists, UsageError, WrongPassword
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.format.key import KeyFile
from strongroom.repository import keyring
from strongroom.repository.key_removal import change_password, remove_key, withdraw_key
from strongroom.repository.opening import initialise, open_repository
from strongroom.storage.local.store import LocalStore
from strongroom.storage.removal.local import LocalRemoval
from tests.support.repositories import PASSWORD, Machine, make, opened, put, put_key


def test_a_wrong_password_is_said_so(tmp_path: Path) -> None:
    """Another password opens nothing."""
    store = make(tmp_path)
    with pytest.raises(WrongPassword):
        open_repository(store, b"other", surroundings=Machine().surroundings)


def test_junk_in_keys_is_skipped_with_a_warning(tmp_path: Path) -> None:
    """Foreign, broken and expensive files in keys/ cost a warning each, never the repository."""
    store = make(tmp_path)
    good = next(store.list(Kind.KEY)).name.name
    for number in range(30):
        put(store, Kind.KEY, b"junk %d" % number)
    put(store, Kind.KEY, b"")
    put(store, Kind.KEY, b"{" * 60_000)
    put(store, Kind.KEY, b"x" * 100_000)
    (tmp_path / "keys" / ("0" * 64)).write_bytes((tmp_path / "keys" / good).read_bytes())
    machine = Machine()
    repository = open_repository(store, PASSWORD, surroundings=machine.surroundings)
    assert repository.key_id == good
    assert {summary.id for summary in keyring.list_keys(repository)} == {good}
    assert any("skipping keys/" + "0" * 64 in warning for warning in machine.warnings)


def test_only_keys_that_were_tried_count(tmp_path: Path) -> None:
    """Of forty valid keys twenty are tried, then the hint is asked for, and with it the repository opens."""
    store = make(tmp_path)
    mine = next(store.list(Kind.KEY)).name.name
    key = opened(tmp_path).key
    below = [name for name in (put_key(store, key, b"other %d" % n, n=2) for n in range(60)) if name < mine]
    while len(below) < keyring.MAX_TRIED:
        below += [name for name in [put_key(store, key, b"more", n=2)] if name < mine]
    with pytest.raises(WrongPassword, match="--key-hint"):
        opened(tmp_path)
    for hint in (mine, mine[:12]):
        found, _ = keyring.find_key(store, PASSWORD, Machine().surroundings, hint=hint)
        assert found == mine
    assert keyring.find_key(store, PASSWORD, Machine().surroundings, pinned=(mine,))[0] == mine


def test_the_work_of_all_keys_together_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are each within the budget cannot together cost more than twenty of our own."""
    store = make(tmp_path)
    key = opened(tmp_path).key
    for _ in range(3):
        put_key(store, key, b"other", n=4096)
    monkeypatch.setattr(keyring, "MAX_WORK", 4096 * 8 * 2)
    with pytest.raises(WrongPassword, match="--key-hint"):
        keyring.find_key(store, b"none", Machine().surroundings)


def test_a_key_of_another_repository_under_the_same_password_is_passed_over(tmp_path: Path) -> None:
    """As an `init` that came second leaves it: the key that opens the config is found, whichever is tried first."""
    store = make(tmp_path)
    mine = next(store.list(Kind.KEY)).name.name
    others = {put_key(store, _kernel.Key.generate()) for _ in range(4)}
    machine = Machine()
    for first in (mine, *others):
        repository = open_repository(store, PASSWORD, key_hint=first, surroundings=machine.surroundings)
        assert repository.key_id == mine
    assert any("does not open the config" in warning for warning in machine.warnings)
    (tmp_path / "config").chmod(0o600)
    (tmp_path / "config").write_bytes(bytes(155))
    with pytest.raises(Damaged, match="does not belong to these keys"):
        opened(tmp_path)


def test_an_init_that_comes_second_takes_its_key_back(tmp_path: Path) -> None:
    """Its config is refused: it says so as where a repository stood before, and leaves one key; where it may not remove
    anything it names the key that stays."""

    class Raced(LocalStore):
        """A folder in which another repository's config appears just before ours."""

        def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
            if name == CONFIG:
                make(Path(self.path))
            super().create(name, data)

    for place, withdraw, left in (("a", withdraw_key, 1), ("b", lambda _store, _key: False, 2)):
        store = Raced(str(tmp_path / place))
        with pytest.raises(Exists, match="already initialized") as raised:
            initialise(store, PASSWORD, surroundings=Machine().surroundings, withdraw=partial(withdraw, store))
        assert len(list(store.list(Kind.KEY))) == left
        assert ("it stays" in raised.value.hint) == (left == 2)
        assert opened(tmp_path / place).polynomial


def test_a_pin_or_hint_that_is_gone_is_no_obstacle(tmp_path: Path) -> None:
    """A pinned key that was removed is passed over."""
    store = make(tmp_path)
    mine = next(store.list(Kind.KEY)).name.name
    assert keyring.find_key(store, PASSWORD, Machine().surroundings, pinned="1" * 64, hint="2" * 64)[0] == mine


def test_a_key_around_nonsense_is_skipped(tmp_path: Path) -> None:
    """A key file that opens with our password but wraps no master key is skipped, and the real one found."""
    store = make(tmp_path)
    derived = _kernel.derive_key(PASSWORD, b"s" * 64, 2, 8, 1)
    file = KeyFile(2, 8, 1, b"s" * 64, derived.seal(b'{"mac":7}'))
    put(store, Kind.KEY, file.encode())
    assert opened(tmp_path).id


def test_keys_are_added_listed_changed_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The life of a key: added with a password of its own, listed, replaced, removed; never the one in use."""
    monkeypatch.setattr(keyring, "SCRYPT", (1024, 8, 1))
    store = make(tmp_path)
    removal = LocalRemoval(store)
    repository = opened(tmp_path)
    first = repository.key_id
    second = keyring.add_key(repository, b"second", hostname="beta", username="bob")
    summaries = {summary.id: summary for summary in keyring.list_keys(repository)}
    assert summaries.keys() == {first, second}
    assert summaries[first].current and not summaries[second].current
    assert (summaries[second].hostname, summaries[second].username) == ("beta", "bob")
    assert summaries[second].created == "2026-09-21T14:13:20Z"
    with pytest.raises(UsageError):
        remove_key(repository, removal, first)
    with pytest.raises(UsageError):
        remove_key(repository, removal, "nothex")
    changed = change_password(repository, removal, b"changed")
    assert repository.key_id == changed
    with pytest.raises(WrongPassword):
        opened(tmp_path)
    assert remove_key(repository, removal, second[:10]) == second
    assert [info.name.name for info in store.list(Kind.KEY)] == [changed]
    assert open_repository(store, b"changed", surroundings=Machine().surroundings).id == repository.id


def test_our_own_keys_cost_what_was_decided(tmp_path: Path) -> None:
    """A key that we add has N=32768, r=8, p=8."""
    store = make(tmp_path)
    name = keyring.add_key(opened(tmp_path), b"x")
    file = keyring.read_key_file(store, name)
    assert (file.n, file.r, file.p, len(file.salt)) == (32768, 8, 8, 64)
    assert store.stat(ObjectName(Kind.KEY, name)).size < 1000
