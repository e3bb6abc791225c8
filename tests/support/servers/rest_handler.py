"""The answers of a REST server as rest-server gives them, and those that it was told to give."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import ssl
import time
from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.support.servers.rest_faults import FaultyObjects

V2 = "application/vnd.x.restic.rest.v2"
_OBJECT = re.compile(r"/(?P<place>(?:[\w@.-]+/)*?)(?P<key>config|(?:data|index|keys|locks|snapshots)/[0-9a-f]{64})\Z")
_LIST = re.compile(r"/(?P<place>(?:[\w@.-]+/)*?)(?P<kind>data|index|keys|locks|snapshots)/\Z")


class RestHandler(http.server.BaseHTTPRequestHandler):
    """One connection; what it answers from is the server's ``owner``."""

    protocol_version = "HTTP/1.1"

    @property
    def owner(self) -> FaultyObjects:
        owner: FaultyObjects = self.server.owner  # type: ignore[attr-defined]
        return owner

    def address_string(self) -> str:
        return "client"

    def version_string(self) -> str:
        return self.owner.banner

    def setup(self) -> None:
        self.disable_nagle_algorithm = self.owner.unix is None  # type: ignore[misc]
        super().setup()
        with self.owner.lock:
            self.owner.connections += 1

    def log_message(self, *_: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, ssl.SSLError, ValueError):
            self.close_connection = True

    def _serve(self) -> None:
        owner = self.owner
        with owner.lock:
            owner.requests.append((self.command, self.path))
            owner.heads.append({name.lower(): value for name, value in self.headers.items()})
        self.fault = owner.next_fault(self.command, self.path)
        fault = self.fault
        if not owner.keep_alive:
            self.close_connection = True
        if fault is not None and fault.what == "lost":
            self.close_connection = True
            return
        if fault is not None and fault.what == "stall":
            self.close_connection = True
            self.owner.freed.wait(PATIENCE)
            return
        if fault is not None and fault.what == "slow":
            time.sleep(0.3)
        if fault is not None and fault.what == "status":
            self.close_connection = self.command == "POST"  # the body is not read
            self._answer(fault.status, fault.text.encode(), fault.headers)
            return
        if owner.credentials is not None:
            wanted = base64.b64encode(":".join(owner.credentials).encode()).decode()
            if self.headers.get("Authorization") != f"Basic {wanted}":
                self.close_connection = True
                self._answer(401, b"Unauthorized\n")
                return
        if self.command == "POST":
            self._post()
        elif found := _LIST.match(self.path):
            self._list(found["place"], found["kind"])
        elif found := _OBJECT.match(self.path):
            self._object(found["place"] + found["key"], found["key"])
        else:
            self._answer(404, b"404 page not found\n")

    do_GET = do_HEAD = do_POST = do_DELETE = _serve

    def _post(self) -> None:
        length = self.headers.get("Content-Length")
        body = b""
        while length is not None and len(body) < int(length):
            part = self.rfile.read(min(1 << 18, int(length) - len(body)))
            if not part:
                break
            body += part
            self.owner.take_in(len(part))
        if length is None or len(body) != int(length):
            self.close_connection = True
            self._answer(400, b"short body\n")
            return
        if self.path.endswith("?create=true"):
            self._answer(200)
            return
        found = _OBJECT.match(self.path)
        if found is None:
            self._answer(404)
            return
        key = found["place"] + found["key"]
        with self.owner.lock:
            if key in self.owner.objects:
                status, text = 403, b"Forbidden\n"
            elif found["key"] != "config" and hashlib.sha256(body).hexdigest() != key[-64:]:
                status, text = 400, b"hash mismatch\n"
            else:
                self.owner.objects[key] = body
                status, text = 200, b""
        self._answer(status, text, self.owner.accepted if status == 200 else None)

    def _list(self, place: str, kind: str) -> None:
        prefix = f"{place}{kind}/"
        with self.owner.lock:
            there = {
                key[len(prefix) :]: len(data) for key, data in self.owner.objects.items() if key.startswith(prefix)
            }
        names = [name for name in sorted(there, reverse=True) if len(name) == 64]
        if self.owner.version == 1 or self.headers.get("Accept") != V2:
            self._answer(
                200, json.dumps([*names, ".DS_Store"]).encode(), {"Content-Type": "application/vnd.x.restic.rest.v1"}
            )
            return
        rows = [{"name": name, "size": there[name]} for name in names]
        rows.append({"name": 'x}{,"' + "a" * 64 + ".rest-server-temp1", "size": 3})
        self._answer(200, json.dumps(rows).encode(), {"Content-Type": V2})

    def _object(self, key: str, short: str) -> None:
        with self.owner.lock:
            data = self.owner.objects.get(key)
            if self.command == "DELETE":
                if self.owner.append_only and not short.startswith("locks/"):
                    data, status = b"", 403
                else:
                    self.owner.objects.pop(key, None)
                    data, status = b"", 200
            else:
                status = 200 if data is not None else 404
        if status != 200 or self.command == "DELETE":
            self._answer(status, b"" if status == 200 else b"no\n")
            return
        assert data is not None
        ranged = re.match(r"bytes=(\d+)-(\d*)\Z", self.headers.get("Range", ""))
        if ranged is None or key.endswith("config"):
            self._answer(200, data, {"Content-Type": "application/octet-stream"})
            return
        first = int(ranged[1])
        last = min(int(ranged[2] or len(data) - 1), len(data) - 1)
        if first >= len(data) or last < first:
            self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        if self.fault is not None and self.fault.what == "wrong-range":
            first, last = first + 1, last + 1
        self._answer(206, data[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(data)}"})

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        fault = self.fault.what if self.fault is not None else ""
        if fault == "lost-answer":
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if fault == "no-length":
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "flip" and body:
            body = bytes([*body[:-1], body[-1] ^ 1])
        if fault == "stall-body":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            self.owner.freed.wait(PATIENCE)
            return
        if fault == "drip":
            for byte in body:
                self.wfile.write(bytes([byte]))
                if self.owner.freed.wait(1):
                    self.close_connection = True
                    return
            return
        if fault == "short":
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)
