"""Stock restic as the one who restores in a drill: it reaches the store as the custodian does."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError
from strongroom.base.record import field, record
from strongroom.custody.ledger import printable
from strongroom.storage.locate import restic_place, split_scheme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strongroom.storage.options import StoreOptions

_SECONDS = 6 * 3600.0
_OLDEST = (0, 17)
"""The first with ``restore --include-file``, and with the variables for a REST server's user."""
_VERSION = re.compile(rb"restic (\d+)\.(\d+)")
_ITS_OPTIONS = frozenset({"s3.region", "s3.bucket-lookup", "s3.list-objects-v1", "rclone.program", "rclone.args"})


@record
class StockRestic:
    """The program, and its environment with the place and the credentials for it: no argument shows any."""

    program: str
    words: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)

    def restore(
        self, key: str, password: bytes, snapshot: str, patterns: Sequence[str] | None, place: str
    ) -> list[tuple[str, str]]:
        """Restore into ``place`` what these patterns mean, or all of a snapshot; what went wrong, by whom."""
        words = [self.program, *self.words, "--key-hint", key, "--no-lock", "--no-cache"]
        words += ["restore", snapshot, "--target", place, "--verify"]
        if patterns is not None:
            listed = os.path.join(place, ".patterns")
            with open(listed, "wb") as file:
                file.write(b"".join(os.fsencode(one) + b"\n" for one in patterns))
            words += ["--include-file", listed]
        try:
            ended = _run(words, {**self.environment, "RESTIC_PASSWORD": password.decode()})
        except subprocess.TimeoutExpired:
            return [(self.program, "did not end")]
        if ended.returncode == 0:
            return []
        said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        first = next(
            (line for line in said if line.startswith("Fatal:")), said[0] if said else ""
        )  # then comes a trace
        return [(os.path.basename(self.program), printable(first, 300) or f"ended with {ended.returncode}")]


def stock_restic(program: str, url: str, options: StoreOptions) -> StockRestic:
    """restic for the store at ``url``. Raises ``ConfigurationError`` where it cannot be started, or is too old: that
    says nothing of what was saved."""
    found = _VERSION.match(_run([program, "version"], os.environ).stdout)
    if found is not None and (int(found[1]), int(found[2])) < _OLDEST:
        raise ConfigurationError(
            f"is restic {found[1].decode()}.{found[2].decode()}, and a drill needs 0.17 or newer",
            subject=program,
            hint="Name a newer one; https://restic.net has it.",
        )
    environment = dict(options.environment)
    for name in ("PASSWORD_FILE", "PASSWORD_COMMAND", "REPOSITORY_FILE", "KEY_HINT"):
        environment.pop(f"RESTIC_{name}", None)  # the operator's own repository is another
    environment["RESTIC_REPOSITORY"] = restic_place(url, options)
    scheme, rest = split_scheme(url)
    if scheme == "rest":
        from strongroom.storage.rest import url as rest_url  # noqa: PLC0415

        address = rest_url.parse(rest, options)
        environment |= {"RESTIC_REST_USERNAME": address.username, "RESTIC_REST_PASSWORD": address.password}
    if scheme == "s3":
        from strongroom.storage.s3 import url as s3_url  # noqa: PLC0415

        environment.setdefault("AWS_DEFAULT_REGION", s3_url.parse(rest, options).region)
    its = {key: value for key, value in options.extended.items() if key in _ITS_OPTIONS}
    if "rclone.args" in its:
        from strongroom.storage.rclone.store import own_words  # noqa: PLC0415

        its["rclone.args"] = f"serve restic --stdio {shlex.join(own_words(its['rclone.args']))}"
    words = [word for key, value in its.items() for word in ("-o", _whole(f"{key}={value}"))]
    words += [word for path in options.cacert for word in ("--cacert", _whole(path))]
    if options.client_certificate:
        words += ["--tls-client-cert", options.client_certificate]
    words += ["--insecure-tls"] if options.insecure_tls else []
    return StockRestic(program, tuple(words), environment)


def _whole(word: str) -> str:
    """A word that restic takes for one, where it takes commas for the end of one."""
    return '"' + word.replace('"', '""') + '"' if {",", '"'} & set(word) else word


def _run(words: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        raise ConfigurationError(f"cannot be started: {error.strerror}", subject=words[0]) from None
