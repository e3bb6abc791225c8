"""custody.toml names what the policy and the command line know, with the same defaults."""

from __future__ import annotations

from strongroom.base.configuration.client import REPOSITORY_KEYS as OF_A_CLIENT
from strongroom.base.configuration.custody import POLICY_KEYS, REPOSITORY_KEYS
from strongroom.custody.policy import NAMES, CustodyPolicy


def test_its_policy_is_the_policy() -> None:
    """Each setting has a key, and the example is what holds without one."""
    assert set(POLICY_KEYS) == set(NAMES)
    assert {name: int(key.example) for name, key in POLICY_KEYS.items()} == {
        name: getattr(CustodyPolicy(), name) for name in NAMES
    }


def test_a_store_is_reached_as_a_client_reaches_it() -> None:
    """Keys of the same name are checked alike."""
    for name in REPOSITORY_KEYS.keys() & OF_A_CLIENT.keys():
        assert REPOSITORY_KEYS[name].check is OF_A_CLIENT[name].check
