"""A soak of the gateway: forty clients upload, read and list until the time is over, and nothing may grow or be lost.

    scripts/soak_gateway.py [SECONDS] [disk|bucket|both] [SEED]

Packs have up to 128 MiB, every third body has no length (rustic's), every tenth upload breaks off in the middle. PSS of
all processes of the gateway and their descriptors are sampled once a second. At the end every object that was
acknowledged is read back and hashed, no temporary file is left, and the log verifies and names each object once. Over a
bucket, MinIO plays the store. What is uploaded is derived from the seed, so the clients hold nothing of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.processes import descriptors
from tests.support.servers.gateways import Gateway, over_bucket

from scripts.soak_samples import Samples
from strongroom.receipts.audit.audit import audit
from strongroom.receipts.audit.entries import entries
from strongroom.receipts.log.note import Verifier

CLIENTS = 40
PART = 1 << 20
KEPT = 2 << 30
"""Bytes that are stored at most; afterwards clients send what is there already, which is compared and acknowledged."""
SIZES = ((4_000, 60), (200_000, 20), (4 << 20, 12), (16 << 20, 6), (128 << 20, 2))
"""Sizes of packs and how often each is drawn, of a hundred."""


@dataclass
class Soak:
    """What the clients share."""

    gateway: Gateway
    pool: bytes
    end: float
    counted: Counter[str] = field(default_factory=Counter)
    stored: dict[str, int] = field(default_factory=dict)
    """Acknowledged packs: the seed of each, by name."""
    sizes: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    size: int = 0
    """Bytes of all of them."""
    guard: threading.Lock = field(default_factory=threading.Lock)

    def parts(self, seed: int, size: int) -> Iterator[bytes]:
        """A pack's bytes: a head of its own, then pieces of the pool from a place that the seed chooses."""
        yield seed.to_bytes(16, "big")
        left, at = size - 16, seed % (len(self.pool) - PART)
        while left > 0:
            part = self.pool[at : at + min(PART, left)]
            yield part
            left -= len(part)
            at = (at + 7919) % (len(self.pool) - PART)

    def name(self, seed: int, size: int) -> str:
        """A pack's name."""
        digest = hashlib.sha256()
        for part in self.parts(seed, size):
            digest.update(part)
        return digest.hexdigest()


def client(soak: Soak, dice: random.Random) -> None:
    """Do one thing after another on a kept connection until the time is over."""
    connection = _connect(soak)
    while time.monotonic() < soak.end and not soak.failures:
        what = dice.choices((upload, download, listing, cut), (60, 30, 4, 6))[0]
        try:
            if not what(soak, dice, connection):
                connection.close()
                connection = _connect(soak)
        except (OSError, http.client.HTTPException) as error:
            soak.failures.append(f"{what.__name__}: {error!r}")
        with soak.guard:
            soak.counted[what.__name__] += 1
    connection.close()


def _connect(soak: Soak) -> http.client.HTTPConnection:
    host, _, port = soak.gateway.address.rpartition(":")
    return http.client.HTTPConnection(host, int(port), timeout=280)


def _draw(soak: Soak, dice: random.Random) -> tuple[int, int]:
    """The seed and size of a new pack, or of one that is there."""
    with soak.guard:
        if soak.stored and (soak.size > KEPT or dice.random() < 0.2):
            name = dice.choice(list(soak.stored)[:1000])
            return soak.stored[name], soak.sizes[name]
    size = dice.choices([size for size, _ in SIZES], [often for _, often in SIZES])[0]
    return dice.getrandbits(127), max(17, int(size * dice.uniform(0.5, 1.0)))


def upload(soak: Soak, dice: random.Random, connection: http.client.HTTPConnection) -> bool:
    """Send a pack, a third of them without a length. Whether the connection goes on."""
    seed, size = _draw(soak, dice)
    name = soak.name(seed, size)
    chunked = dice.random() < 1 / 3
    headers = {} if chunked else {"Content-Length": str(size)}
    connection.request("POST", f"/soak/data/{name}", soak.parts(seed, size), headers, encode_chunked=chunked)
    answer = connection.getresponse()
    answer.read()
    if answer.status == 503:
        with soak.guard:
            soak.counted["told to wait"] += 1
        time.sleep(0.2)
    elif answer.status != 200:
        soak.failures.append(f"upload: {answer.status}")
    else:
        with soak.guard:
            soak.size += 0 if name in soak.stored else size
            soak.stored[name], soak.sizes[name] = seed, size
    return not answer.will_close


def cut(soak: Soak, dice: random.Random, connection: http.client.HTTPConnection) -> bool:
    """Begin a pack and go away in the middle."""
    size = dice.choice((40_000, 3 << 20))
    connection.putrequest("POST", f"/soak/data/{dice.randbytes(32).hex()}")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    connection.send(soak.pool[: size // 2])
    return False


def download(soak: Soak, dice: random.Random, connection: http.client.HTTPConnection) -> bool:
    """Read a pack, or a range of one, and compare its hash or its length."""
    with soak.guard:
        if not soak.stored:
            return True
        name = next(iter(soak.stored)) if dice.random() < 0.01 else dice.choice(list(soak.stored)[-500:])
        size = soak.sizes[name]
    part = dice.random() < 0.5 and size > 1000
    connection.request("GET", f"/soak/data/{name}", headers={"Range": f"bytes=16-{size // 2}"} if part else {})
    answer = connection.getresponse()
    digest, count = hashlib.sha256(), 0
    while data := answer.read(PART):
        digest.update(data)
        count += len(data)
    good = (answer.status, count) == (206, size // 2 - 15) if part else digest.hexdigest() == name
    if not good:
        soak.failures.append(f"download of {name}: {answer.status}, {count} of {size} bytes")
    return not answer.will_close


def listing(soak: Soak, _dice: random.Random, connection: http.client.HTTPConnection) -> bool:
    """List all packs; whatever was acknowledged before is among them."""
    with soak.guard:
        before = list(soak.stored)
    connection.request("GET", "/soak/data/", headers={"Accept": "application/vnd.x.restic.rest.v2"})
    answer = connection.getresponse()
    text = answer.read().decode()
    missing = sum(f'"{name}"' not in text for name in before[:: max(1, len(before) // 50)])
    if answer.status != 200 or missing:
        soak.failures.append(f"list: {answer.status}, {missing} missing")
    return not answer.will_close


def run(gateway: Gateway, seconds: float, seed: int) -> None:
    """Soak a gateway that is started here. Raises ``AssertionError`` when anything is lost, left or grown."""
    gateway.start()
    try:
        _soak(gateway, seconds, seed)
    finally:
        if gateway.process is not None:
            gateway.kill()


def _soak(gateway: Gateway, seconds: float, seed: int) -> None:
    assert gateway.process is not None
    gateway.make("soak")
    time.sleep(2)
    before = descriptors(gateway.process.pid)
    samples, ended = Samples(), threading.Event()
    watcher = threading.Thread(target=samples.watch, args=(gateway.process.pid, ended))
    watcher.start()
    soak = Soak(gateway, random.Random(seed).randbytes(64 << 20), time.monotonic() + seconds)
    dice = [random.Random(f"{seed} {number}") for number in range(CLIENTS)]
    clients = [threading.Thread(target=client, args=(soak, one)) for one in dice]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    ended.set()
    watcher.join()
    time.sleep(3)
    print(f"  {dict(soak.counted)}, {len(soak.stored)} packs, {soak.size / 1e9:.1f} GB", flush=True)
    assert not soak.failures, soak.failures[:5]
    _present(soak)
    samples.check(before, descriptors(gateway.process.pid))
    gateway.stop()
    _nothing_left(gateway)
    _log(gateway, soak)


def _present(soak: Soak) -> None:
    """Every acknowledged pack is there, whole."""
    connection = _connect(soak)
    for name, seed in soak.stored.items():
        connection.request("GET", f"/soak/data/{name}")
        answer = connection.getresponse()
        digest = hashlib.sha256()
        while data := answer.read(PART):
            digest.update(data)
        assert digest.hexdigest() == name, f"{name} (seed {seed}): {answer.status}"
    connection.close()


def _nothing_left(gateway: Gateway) -> None:
    left = [path for path in gateway.folder.rglob("*") if path.parent.name in ("tmp", "spool") and path.is_file()]
    assert not left, f"temporary files are left: {left[:3]}"


def _log(gateway: Gateway, soak: Soak) -> None:
    """The log verifies, and has exactly one receipt for each pack."""
    source = gateway.source
    audit(source, key=Verifier.parse(gateway.key))
    logged = [receipt.name for _, receipt in entries(source, 0, 10**9) if receipt.kind == "data"]
    assert len(logged) == len(set(logged)), "a pack has two receipts"
    assert set(soak.stored) <= set(logged), "an acknowledged pack has no receipt"
    print(f"  the log verifies: {len(logged)} packs in it")


def on_disk(seconds: float, seed: int) -> None:
    """The soak over a folder."""
    with _place() as place:
        run(Gateway(place, workers=2), seconds, seed)


def on_bucket(seconds: float, seed: int) -> None:
    """The soak over a bucket of a MinIO that this process starts."""
    with _place() as place:
        run(over_bucket(place, workers=2), seconds, seed)


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="strongroom-soak-", dir=Path.home() / ".cache"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main() -> None:
    """Soak what was asked for."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    over = sys.argv[2] if len(sys.argv) > 2 else "both"
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().getrandbits(32)
    for name, soak in (("disk", on_disk), ("bucket", on_bucket)):
        if over in (name, "both"):
            print(f"soak of the gateway on {name}: {CLIENTS} clients, {seconds:.0f} s, seed {seed}", flush=True)
            soak(seconds, seed)


if __name__ == "__main__":
    main()
