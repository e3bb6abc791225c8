"""The rows: reports end to end through a server with TLS, 10,000 watches judged, a late backup alarmed."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from benchmarks.fleet.hosts import join, late_at, reports_of
from benchmarks.programs import Program
from strongroom.fleet.server.evaluating import Evaluator
from strongroom.fleet.server.schemas import alerting
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.standing import standing
from strongroom.fleet.server.state import FleetState

ROWS = ("reports", "judge", "late")
Result = dict[str, object]
_TICKS = 100


class FleetBench:
    """The rows over one place. ``scale`` makes all sizes smaller."""

    def __init__(self, program: Program, place: Path, scale: float) -> None:
        self._program, self._place, self._scale = program, place, scale

    def run(self, row: str) -> Result:
        """Measure one row, in a folder of its own."""
        folder = self._place / f"fleet-{row}"
        folder.mkdir()
        measured: Callable[[Path], Result] = getattr(self, f"_{row}")
        result = measured(folder)
        shutil.rmtree(folder)
        return {"row": f"fleet:{row}", **result}

    @contextmanager
    def _serving(self, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        with socket.create_server(("127.0.0.1", 0)) as keeper:
            url = f"https://127.0.0.1:{keeper.getsockname()[1]}"
        state = folder / "state"
        if not state.exists():
            self._program.run(folder, "fleet", "init", "--state", state, "--url", url)
        file = state / "fleet.toml"
        file.write_text(re.sub(r'url = "[^"]*"', f'url = "{url}"', file.read_text()))
        with (folder / "said").open("wb") as said:
            words = [str(self._program.executable), "fleet", "serve", "--state", str(state)]
            server = subprocess.Popen(words, stdout=said, stderr=said)
        try:
            while b"start fleet server" not in (folder / "said").read_bytes():
                if server.poll() is not None:
                    sys.exit((folder / "said").read_text())
                time.sleep(0.05)
            yield url, server
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()

    def _reports(self, folder: Path) -> Result:
        """Each report on a connection of its own, as hosts send them, and then on few that stay."""
        hosts, each = max(4, int(500 * self._scale)), 6
        with self._serving(folder):
            pass
        with FleetState(str(folder / "state")) as state:
            pairs = join(state, hosts, 3)
            now = state.now()
        chains = [reports_of(pair, 2 * each, now) for pair in pairs]
        result: Result = {"hosts": hosts, "bytes of each": len(chains[0][0])}
        with self._serving(folder) as (url, server):
            for turn, kind in enumerate(("fresh", "kept")):
                sent = folder / kind
                sent.mkdir()
                for number, chain in enumerate(chains):
                    part = chain[turn * each : (turn + 1) * each]
                    (sent / f"{number:05}").write_bytes(b"".join(one + b"\0\0\n" for one in part))
                before = _cpu(server.pid)
                words = [sys.executable, "-m", "benchmarks.fleet.hosts", url, str(sent), "16", kind]
                seconds, refused = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
                if int(refused):
                    sys.exit(f"bench: {refused} reports were refused")
                result[f"{kind}: reports/s"] = hosts * each / float(seconds)
                result[f"{kind}: server's cpu ms each"] = (_cpu(server.pid) - before) * 1000 / (hosts * each)
            result |= {"aim": 300.0, "peak MB": _peak(server.pid) / 1e6, "aim MB": 200.0}
        return result

    def _judge(self, folder: Path) -> Result:
        """10,000 watches: when all is well, and when all of them become late at once."""
        hosts = max(2, int(1000 * self._scale))
        with FleetState(str(folder / "state"), create=True) as state:
            join(state, hosts, 10)
            result: Result = {"watches": hosts * 10, "aim": 2.0}
            for name, late in (("well s", 0), ("all late s", 1)):
                if late:
                    with state.database.write() as connection:
                        connection.execute(schema.watch.update().values(late=state.now() - 1))
                evaluator = Evaluator(state)
                begun, cpu = time.perf_counter(), time.process_time()
                evaluator.turn()
                result[name], result[f"{name} of cpu"] = time.perf_counter() - begun, time.process_time() - cpu
                evaluator.close()
            begun = time.perf_counter()
            standing(state, state.now())
            result["listed s"] = time.perf_counter() - begun
        return result

    def _late(self, folder: Path) -> Result:
        """From the moment when a backup is late until its alert is open, with 10,000 watches."""
        with self._serving(folder):
            pass
        with FleetState(str(folder / "state")) as state:
            join(state, max(2, int(1000 * self._scale)), 10)
            with self._serving(folder) as (_, server):
                when = state.now() + 5
                late_at(state, when)
                opened: int | None = None
                while opened is None:
                    time.sleep(0.1)
                    with state.database.read() as connection:
                        opened = connection.execute(sa.select(alerting.alert.c.opened)).scalar()
                seconds = state.now() - when
                return {"seconds": seconds, "aim": 60.0, "peak MB": _peak(server.pid) / 1e6, "aim MB": 200.0}


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak(process: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 if found else 0
