"""Hosts that have joined, with reports that are signed beforehand; and a client that sends them as hosts do."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa

from strongroom.fleet.protocol.chain import FIRST
from strongroom.fleet.protocol.report import REPORT, HostReport, RunOutcome, RunReport
from strongroom.fleet.protocol.schedule_terms import ScheduleTerms
from strongroom.fleet.protocol.signed import MEDIA_TYPE, KeyPair
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.state import FleetState
from strongroom.fleet.server.watch_rows import HostWatches, write_watches
from strongroom.fleet.server.watches import keep_schedules

_LOG = "files: 12 new, 3 changed, 41,233 unmodified\n" * 20


def terms(source: str, hour: int) -> ScheduleTerms:
    """Each night at some hour."""
    calendar = f"*-*-* {hour:02}:00:00"
    return ScheduleTerms(source, ("offsite",), "oncalendar", calendar, "Europe/Berlin", 1800, 400 * 86400, True)


def join(state: FleetState, hosts: int, sources: int) -> list[KeyPair]:
    """Rows as joining makes them, without its messages."""
    now = state.now()
    pairs = [KeyPair(hashlib.sha256(f"host {number}".encode()).digest()) for number in range(hosts)]
    rows = [
        {"id": pair.id, "name": f"host{number}", "public": pair.public, "profile": "server", "state": "active"}
        | {"ticket": "", "joined": now, "sequence": 0, "head": FIRST, "versions": "{}"}
        for number, pair in enumerate(pairs)
    ]
    with state.database.write() as connection:
        connection.execute(schema.host.insert(), rows)
        found = []
        for pair in pairs:
            watches = HostWatches(connection, pair.id)
            keep_schedules(watches, [terms(f"s{one}", one % 24) for one in range(sources)], now, None, {})
            found.append(watches)
        write_watches(connection, found)
    return pairs


def reports_of(pair: KeyPair, count: int, now: int) -> list[bytes]:
    """The first reports of a host's chain, of runs that went well."""
    found, previous = [], FIRST
    for number in range(1, count + 1):
        outcome = RunOutcome("offsite", "ab" * 32, hashlib.sha256(b"%d" % number).hexdigest(), 0, (9, 1, 1, 99, 9))
        run = RunReport("00" * 16, "s0", now, now - 60, now, 0, (outcome,), None, (), _LOG)
        report = HostReport(
            "run", pair.id, "00" * 16, number, previous, now, 0, {"strongroom": "0"}, (terms("s0", 0),), run
        )
        message = pair.sign(REPORT, report.to_document())
        previous = message.sha256
        found.append(message.to_bytes())
    return found


def late_at(state: FleetState, when: int) -> None:
    """Let the first host's first watch be late then."""
    table = schema.watch
    with state.database.write() as connection:
        host = connection.execute(sa.select(table.c.host).limit(1)).scalar_one()
        where = table.c.host == host, table.c.source == "s0"
        connection.execute(table.update().where(*where).values(late=when, twice=when + 86400))


def send(url: str, folder: Path, threads: int, fresh: bool) -> None:
    """Send all files of a folder, each a host's reports; prints seconds and how many were not taken."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    chains = [path.read_bytes().split(b"\0\0\n")[:-1] for path in sorted(folder.iterdir())]
    place, refused = urlsplit(url).netloc, [0] * threads

    def work(own: int) -> None:
        connection = http.client.HTTPSConnection(place, context=context, timeout=60)
        for number in range(len(chains[0])):  # round and round over its hosts
            for chain in chains[own::threads]:
                connection.request("POST", "/fleet/v1/reports", chain[number], {"Content-Type": MEDIA_TYPE})
                answer = connection.getresponse()
                answer.read()
                refused[own] += answer.status != 200
                if fresh:
                    connection.close()

    workers = [threading.Thread(target=work, args=(own,)) for own in range(threads)]
    begun = time.perf_counter()
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    print(time.perf_counter() - begun, sum(refused))


if __name__ == "__main__":
    send(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "fresh")
