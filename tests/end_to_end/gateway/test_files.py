"""The files that a gateway reads while it runs: password file and policy may go away and come back."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.support.servers.gateways import Gateway
from tests.support.waiting import until

POLICY = 'version = 1\n[[rule]]\nprincipal = "eye"\nrepositories = ["*"]\nrole = "auditor"\n'
USERS = {"alice": "pw", "eye": "pw"}


def health(gateway: Gateway) -> tuple[int, str]:
    """What /health says, and its problems in one text."""
    answer = gateway.ask("GET", "/health")
    return answer.status, " ".join(answer.json()["problems"])


@pytest.mark.parametrize("gone", ["password file", "policy"])
def test_a_file_that_went_away_is_told_until_it_is_back(tmp_path: Path, gone: str) -> None:
    """While the password file or the policy is missing, /health is 503 and names it; everybody is let in as before; and
    it is well again when the very same file is back, each time."""
    policy = tmp_path / "gateway.toml"
    policy.write_text(POLICY)
    flags = ("--append-only", *(("--config", str(policy)) if gone == "policy" else ()))
    with Gateway(tmp_path, flags=flags, users=USERS, user="alice") as gateway:
        gateway.make()
        path = policy if gone == "policy" else gateway.data / ".htpasswd"
        for _ in range(2):
            path.rename(tmp_path / "away")
            until(lambda: gone in health(gateway)[1], gateway.said, pause=0.1)
            assert health(gateway)[0] == 503
            assert str(path) in gateway.said()  # anybody may read /health: it names no path
            for user in USERS:
                assert gateway.ask("GET", "/web01/config", user=user).status == 200
            (tmp_path / "away").rename(path)
            until(lambda: health(gateway) == (200, ""), gateway.said, pause=0.1)
            for user in USERS:
                assert gateway.ask("GET", "/web01/config", user=user).status == 200


def test_a_policy_that_came_while_the_database_was_away_counts_when_it_is_back(tmp_path: Path) -> None:
    """Whoever it shuts out is shut out within seconds of the database's return, without a signal or another change."""
    policy = tmp_path / "gateway.toml"
    policy.write_text("version = 1\n")
    with Gateway(tmp_path, flags=("--append-only", "--config", str(policy)), users=USERS, user="alice") as gateway:
        gateway.make()
        assert gateway.put("/web02/?create=true", b"", "eye") == 200
        with contextlib.closing(sqlite3.connect(gateway.file.removeprefix("sqlite:///"), timeout=60)) as database:
            database.execute("ALTER TABLE principal RENAME TO elsewhere")
            policy.write_text(POLICY)
            until(lambda: "the database cannot be used now" in gateway.said(), gateway.said)
            database.execute("ALTER TABLE elsewhere RENAME TO principal")
        until(lambda: gateway.put("/web03/?create=true", b"", "eye") == 403, gateway.said, pause=0.1)


def test_a_worker_that_takes_a_dead_ones_place_knows_what_files_said(tmp_path: Path) -> None:
    """While neither policy nor password file loads a worker is killed: the next one lets in who was let in before, also
    whom a change let in since the start, and nobody else; /health says why; mended files count again."""
    policy = tmp_path / "gateway.toml"
    policy.write_text("version = 1\n")
    with Gateway(tmp_path, flags=("--append-only", "--config", str(policy)), users=USERS, user="alice") as gateway:
        gateway.make()
        policy.write_text(POLICY)
        until(lambda: gateway.put("/web02/?create=true", b"", "eye") == 403, gateway.said, pause=0.1)
        policy.write_text("version = 1\n[[rule]]\nprincipal = 3\n")
        passwords = gateway.data / ".htpasswd"
        passwords.rename(tmp_path / "away")
        until(lambda: "the policy" in health(gateway)[1], gateway.said, pause=0.1)
        assert gateway.process is not None
        for child in Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        until(lambda: "another one is started" in gateway.said(), gateway.said, pause=0.1)

        def asked(user: str) -> int:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return gateway.ask("GET", "/web01/config", user=user).status
            return 0

        until(lambda: asked("alice") == 200, gateway.said, pause=0.1)
        assert (asked("eye"), asked("mallory")) == (200, 401)
        assert gateway.put("/web02/?create=true", b"", "eye") == 403
        assert health(gateway)[0] == 503
        assert "the policy" in health(gateway)[1] and "the password file" in health(gateway)[1]
        (tmp_path / "away").rename(passwords)
        policy.write_text(POLICY)
        until(lambda: health(gateway) == (200, ""), gateway.said, pause=0.1)


def test_a_policy_that_loads_does_not_hide_a_missing_password_file(tmp_path: Path) -> None:
    """The alarm of one file stands while another one loads; one that is not even text leaves the old one in force."""
    policy = tmp_path / "gateway.toml"
    policy.write_text(POLICY)
    with Gateway(tmp_path, flags=("--append-only", "--config", str(policy)), users=USERS, user="alice") as gateway:
        gateway.make()
        assert gateway.put("/web02/?create=true", b"", "eye") == 403
        passwords = gateway.data / ".htpasswd"
        passwords.rename(tmp_path / "away")
        until(lambda: health(gateway)[0] == 503, gateway.said, pause=0.1)
        policy.write_text("version = 1\n")
        until(lambda: gateway.put("/web02/?create=true", b"", "eye") == 200, gateway.said, pause=0.1)
        assert "the password file" in health(gateway)[1]
        policy.write_bytes(b"version = 1 # \xff\n")
        until(lambda: "the policy" in health(gateway)[1], gateway.said, pause=0.1)
        (tmp_path / "away").rename(passwords)
        until(lambda: "the password file" not in health(gateway)[1], gateway.said, pause=0.1)
        assert "the policy" in health(gateway)[1]
        policy.write_text("version = 1\n")
        until(lambda: health(gateway) == (200, ""), gateway.said, pause=0.1)
