"""A fleet's server and its gateway as processes, with a custodian whose card is in each token."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.custody.identity import Identity, generate
from strongroom.fleet.protocol.fingerprint_words import words_of
from strongroom.fleet.protocol.signed import sign_with, signer_id
from strongroom.fleet.protocol.strict_json import encode
from strongroom.fleet.protocol.token import CARD, Card
from tests.support.command import STRONGROOM, Result, environment, run
from tests.support.programs import Strongroom
from tests.support.servers.gateways import Gateway
from tests.support.servers.ports import reserve
from tests.support.waiting import PATIENCE, until


class Fleet:
    """The server in ``folder``/fleet and the gateway in ``folder``/data; ``custodian`` opens what is sealed."""

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        self.folder, self.gateway = folder, gateway
        self.env = environment(folder)
        self.keeper = reserve()
        self.url = f"https://127.0.0.1:{self.keeper.getsockname()[1]}"
        self.custodian: Identity = generate()[0]
        self.words = ""
        self.process: subprocess.Popen[bytes] | None = None
        token = self.run("gateway", "principal", "add", "fleet", "--role", "enroller", "--repository", "hosts",
                         "--path", str(gateway.data)).out.split()[-1]  # fmt: skip
        (folder / "enroller").write_text(token)
        (folder / "enroller").chmod(0o600)
        self.run("fleet", "init", "--state", str(folder / "fleet"), "--url", self.url)
        file = folder / "fleet" / "fleet.toml"
        text = file.read_text().replace(
            "[server]\n", f'[server]\nlisten = "{self.url.removeprefix("https://")}"\ncard = "{folder}/card"\n'
        )
        place = f"http://{gateway.address.removeprefix('http://').removesuffix('/')}"
        text += f'\n[gateway.offsite]\nurl = "{place}"\nuser = "fleet"\ntoken = {{ file = "{folder}/enroller" }}\n'
        file.write_text(text)
        self._make_card()

    def _make_card(self) -> None:
        private = Ed25519PrivateKey.generate()
        public, now = private.public_key().public_bytes_raw(), int(time.time())
        self.words = words_of(signer_id(public))
        card = Card(public, (self.custodian.recipient,), (), now, now + 90 * 86400)
        body = encode(card.to_document())
        (self.folder / "card").write_bytes(sign_with(private.sign, public, CARD, body).to_bytes())

    def run(self, *words: str) -> Result:
        """Run the command where the server is."""
        return run([STRONGROOM, *words], env=self.env).expect(0)

    def start(self) -> None:
        """Start the server, and wait until it listens."""
        said = self.folder / "fleet.err"
        with said.open("wb") as errors:
            self.process = process = subprocess.Popen(
                [STRONGROOM, "fleet", "serve", "--state", str(self.folder / "fleet")],
                env=self.env, stdout=errors, stderr=errors,
            )  # fmt: skip

        def started() -> bool:
            assert process.poll() is None, said.read_text()
            return re.search("start fleet server", said.read_text()) is not None

        until(started, said.read_text)

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
            self.process = None

    def invite(self, name: str, *more: str, replace: bool = False) -> str:
        """A token."""
        more = (*more, "--replace") if replace else more
        made = self.run("fleet", "invite", name, *more, "--state", str(self.folder / "fleet"), "--json").json()
        token: str = made["token"]
        return token

    def join(self, folder: Path, name: str, *paths: str) -> Strongroom:
        """A host in ``folder`` that has joined with these paths below it, and has made no backup yet."""
        program = Strongroom(folder / "home")
        program.env["STRONGROOM_CONFIG"] = str(folder / "etc" / "config.toml")
        (folder / "src").mkdir()
        (folder / "src" / "a").write_text("text")
        (folder / "token").write_text(self.invite(name))
        chosen = [word for path in paths or ("src",) for word in ("--path", str(folder / path))]
        words = ["--token-file", str(folder / "token"), "--name", name, "--custodian", self.words, "--no-backup"]
        program.run("host", "enrol", *words, *chosen).expect(0)
        return program

    def status(self, *, code: int = 0) -> dict[str, Any]:
        """All that `fleet status` says, and with which exit code."""
        found = run([str(STRONGROOM), "fleet", "status", "--json", "--state", str(self.folder / "fleet")], env=self.env)
        said: dict[str, Any] = found.expect(code).json()
        return said

    def watches(self) -> list[dict[str, Any]]:
        """What `fleet status` says of each watch."""
        words = [str(STRONGROOM), "fleet", "status", "--json", "--state", str(self.folder / "fleet")]
        found: list[dict[str, Any]] = json.loads(run(words, env=self.env).stdout)["watches"]
        return found


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Fleet]:
    """Both, running."""
    with Gateway(folder, flags=("--append-only",), users={"somebody": "else"}) as gateway:
        fleet = Fleet(folder, gateway)
        fleet.start()
        try:
            yield fleet
        finally:
            fleet.stop()
