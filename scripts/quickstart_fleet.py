"""The quick start's fleet: a gateway, a server, this host, which joins, and a laptop that was silent for four days."""

from __future__ import annotations

import contextlib
import json
import os
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from scripts.quickstart_steps import ask, run, serving, write_secret

HOST, LATE = "this-host", "laptop-7"
"""What the fleet calls this host, and the one that is late."""
PREFIX = "hosts"
DAYS = 4
_PATIENCE = 60.0
_FILE = """\
version = 1

[repository.local]
url = {local}
password = {{ file = {password} }}

[source.{name}]
paths = [{source}]
schedule = "*-*-* 04:00:00"
on_battery = "run"
on_metered = "run"
"""


class QuickFleet:
    """All of it below ``target``; ``source`` is what this host backs up. Both ports are on loopback."""

    def __init__(self, target: Path, source: Path, gateway: int, server: int) -> None:
        self._target = target
        self._source = source
        self._address = f"127.0.0.1:{gateway}"
        self._url = f"https://127.0.0.1:{server}"
        self.data, self.state, self.file = target / "gateway", target / "fleet", target / "config.toml"
        self.repository = f"{PREFIX}/{HOST}"
        self.store = self.data / PREFIX / HOST
        self.password = target / "state" / "fleet" / "password"
        # What a host remembers stays with the rest: whoever removes the folder has removed everything.
        os.environ["STRONGROOM_STATE_DIR"] = str(target / "state")
        os.environ["STRONGROOM_CONFIG"] = str(self.file)

    @property
    def joined(self) -> bool:
        """Whether an earlier run let this host join."""
        return (self._target / "fleet.toml").exists()

    def begin(self) -> None:
        """The server, four days ago a laptop that joined it, and the gateway that lets hosts in when it asks."""
        self._write_file(self.file, self._target / "local", self._source, HOST, self.password)
        if self._settings.exists() and "[gateway." in self._settings.read_text():
            return
        enroller = self._target / "enroller"
        if not enroller.exists():
            self.data.mkdir(exist_ok=True, mode=0o700)
            words = ("gateway", "principal", "add", "fleet", "--role", "enroller", "--repository", PREFIX)
            write_secret(enroller, ask(*words, "--path", str(self.data), shown=f"> {enroller}"))
        if not self._settings.exists():
            run("fleet", "init", "--state", str(self.state), "--url", self._url)
        self._laptop()
        listen = f'[server]\nlisten = "{self._url.removeprefix("https://")}"'
        text = self._settings.read_text().replace("[server]", listen)
        text += f'\n[gateway.offsite]\nurl = "http://{self._address}"\nuser = "fleet"\n'
        text += f"token = {{ file = {json.dumps(str(enroller))} }}\n"
        self._settings.write_text(text)
        print(f"\nIn {self._settings} the gateway is named now:\n\n{text}")

    @property
    def _settings(self) -> Path:
        return self.state / "fleet.toml"

    def _write_file(self, file: Path, repository: Path, source: Path, name: str, password: Path) -> None:
        if file.exists():  # what joining added stays
            lines = file.read_text().splitlines()
            paths = f"paths = [{json.dumps(str(source))}]"
            file.write_text("\n".join(paths if line.startswith("paths = ") else line for line in lines) + "\n")
            return
        words = {"local": repository, "password": password, "source": source}
        quoted = {key: json.dumps(str(value), ensure_ascii=False) for key, value in words.items()}
        write_secret(file, _FILE.format(name=name, **quoted))

    def _laptop(self) -> None:
        """Another host, which joined and made a backup four days ago, and none since: the same programs, with a clock
        that is behind."""
        folder = self._target / LATE
        if (folder / "fleet.toml").exists():
            return
        folder.mkdir(exist_ok=True)
        (folder / "letter").write_text("Dear Ann\n")
        token, file = folder / "token", folder / "config.toml"
        self._write_file(file, folder / "local", folder / "letter", LATE, folder / "state" / "fleet" / "password")
        then = os.environ | {
            "PYTHONPATH": str(Path(__file__).with_name("days_ago")),
            "DAYS_AGO": str(DAYS),
            "STRONGROOM_CONFIG": str(file),
            "STRONGROOM_STATE_DIR": str(folder / "state"),
        }
        ago = "four days ago "
        serve = ("fleet", "serve", "--state", str(self.state))
        with serving(*serve, until="start fleet server on ", before=ago, env=then):
            write_secret(token, ask("fleet", "invite", LATE, "--state", str(self.state), "--json", env=then))
            join = ("host", "enrol", "--token-file", str(token), "--name", LATE, "--no-timers")
            write_secret(token, json.loads(token.read_text())["token"])
            run(*join, before=ago, env=then)

    @contextlib.contextmanager
    def gateway(self) -> Iterator[None]:
        """The append-only gateway, running."""
        with serving(*self._gateway(), until="start server on "):
            yield

    def _gateway(self) -> tuple[str, ...]:
        return ("gateway", "serve", "--path", str(self.data), "--append-only", "--listen", self._address)

    def command(self, program: str) -> str:
        """The gateway's command, for people."""
        return " ".join((program, *self._gateway()))

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Gateway and server, running."""
        with (
            self.gateway(),
            serving("fleet", "serve", "--state", str(self.state), until="start fleet server on "),
        ):
            yield

    def join(self) -> int:
        """This host joins: a key, both repositories, a schedule, the first backup. The exit code, 0 or 3."""
        token = self._target / "token"
        words = ("fleet", "invite", HOST, "--state", str(self.state))
        if not (self._target / "state" / "fleet" / "joining.json").exists():
            write_secret(token, ask(*words, shown=f"> {token}"))
        print(f"\nThis host's file, {self.file}:\n\n{self.file.read_text()}", flush=True)
        return run("host", "enrol", "--token-file", str(token), "--name", HOST, "--no-timers", accept=(0, 3))

    def show(self) -> None:
        """How both hosts stand, and the alarm for the one that is late."""
        said = ask("fleet", "status", "--state", str(self.state), accept=(77,), shown="")
        print(f"\n$ strongroom fleet status --state {self.state}\n{said}", end="")
        rows = {line.split()[0]: line for line in said.splitlines() if line.strip()}
        if "late" not in rows.get(LATE, "") or " ok " not in rows.get(HOST, ""):
            raise SystemExit(f"{LATE} should be late, and {HOST} should not. That is a bug.")
        until = time.monotonic() + _PATIENCE
        alerts = ("fleet", "alerts", "--state", str(self.state))
        while not any(one["host"] == LATE for one in json.loads(ask(*alerts, "--json"))):  # judged each ten seconds
            if time.monotonic() > until:
                raise SystemExit(f"Nobody was alarmed about {LATE}. That is a bug.")
            time.sleep(0.5)
        run(*alerts)
        print(
            f"\n{LATE} joined {DAYS} days ago and has not been heard of since. Alerts go out by mail, ntfy, webhook\n"
            "and others: `strongroom fleet channels add`."
        )

    def access(self) -> tuple[str, dict[str, str]]:
        """The off-site repository's URL without its token, and what this host shows to the gateway, as variables."""
        url = tomllib.loads(self.file.read_text())["repository"]["offsite"]["url"].removeprefix("rest:")
        parts = urlsplit(url)
        place = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        user, token = unquote(parts.username or ""), unquote(parts.password or "")
        return f"rest:{place}", {"STRONGROOM_REST_USERNAME": user, "STRONGROOM_REST_PASSWORD": token}
