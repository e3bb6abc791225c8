"""Commands whose output is backed up, as processes."""

from __future__ import annotations

import pytest

from strongroom.cli.shared import streams


def test_a_command_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a backup ends early, one that takes no notice of being told to end does not keep it from ending."""
    monkeypatch.setattr(streams, "GRACE", 0.2)
    with streams._command(["sh", "-c", "trap '' TERM PIPE; echo ready; while :; do sleep 0.1; done"]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    assert process.returncode == -9
