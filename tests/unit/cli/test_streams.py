"""Commands whose output is backed up, as processes."""

from __future__ import annotations

import os

import pytest

from strongroom.base.errors import UsageError
from strongroom.cli.shared import streams


def test_a_command_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a backup ends early, one that takes no notice of being told to end does not keep it from ending."""
    monkeypatch.setattr(streams, "GRACE", 0.2)
    command = streams.Command(["sh", "-c", "trap '' TERM PIPE; echo ready; while :; do sleep 0.1; done"])
    assert os.read(command.start(), 6) == b"ready\n"
    command.release()
    with pytest.raises(UsageError, match="signal 9"):
        command.must_have_succeeded(lambda: False)
