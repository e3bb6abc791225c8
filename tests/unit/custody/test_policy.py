"""The settings of a repository in care: what does not fit together is refused before it can do harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.errors import ConfigurationError
from strongroom.custody.policy import NAMES, CustodyPolicy, adjusted, parse_policy


@pytest.mark.parametrize(
    "changes",
    [
        {"floor": 0},
        {"hold": 0},
        {"detection": 0},
        {"verify": 0},
        {"expiry": 43},
        {"rpo_hours": 14 * 24},
        {"nonsense": 1},
        {"daily": -1},
        {"daily": True},
        {"daily": 100_001},
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, int]) -> None:
    """Each bound of the design, one by one."""
    with pytest.raises(ConfigurationError):
        adjusted(CustodyPolicy(), changes)


@given(changes=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 200)))
def test_what_is_taken_comes_back_as_it_was(changes: dict[str, int]) -> None:
    """A policy that is valid is the same after the state kept it."""
    try:
        policy = adjusted(CustodyPolicy(), changes)
    except ConfigurationError:
        return
    assert parse_policy(policy.encode()) == policy
    assert policy.guarded().floor >= 1
