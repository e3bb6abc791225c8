"""Where the executor knows a repository: whoever's login stands in the URL."""

from __future__ import annotations

import pytest

from strongroom.base.errors import Refused
from strongroom.base.record import replace
from strongroom.custody.executor.known import known_at

BARE = "rest:https://backup.example/web01/"


def test_the_same_place_by_another_login_is_the_same_place() -> None:
    """Also for a record of an earlier release, which wrote the token down; another place is not; no token shows."""
    known = known_at(None, "1" * 64, "rest:https://care:first@backup.example/web01/", "judge")
    assert known.store == BARE
    assert known_at(known, "1" * 64, "rest:https://other:second@backup.example/web01/", "judge") == known
    older = replace(known, store="rest:https://care:secret@backup.example/web01/")
    assert known_at(older, "1" * 64, BARE, "judge") == known
    with pytest.raises(Refused) as refused:
        known_at(older, "1" * 64, "rest:https://care:third@backup.example/web02/", "judge")
    assert "secret" not in str(refused.value)
    assert "third" not in str(refused.value)
    with pytest.raises(Refused, match="another judge"):
        known_at(known, "1" * 64, BARE, "somebody else")
