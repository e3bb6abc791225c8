"""The twin of the kernel's tree codec: nodes are dictionaries with the keys of restic's JSON."""

from __future__ import annotations

import base64
import datetime
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

FIELDS = (
    *("name", "type", "mode", "mtime", "atime", "ctime", "uid", "gid", "user", "group", "inode", "device_id", "size"),
    *("links", "linktarget", "linktarget_raw", "extended_attributes", "generic_attributes", "device", "content"),
    *("subtree", "error"),
)
ZERO_TIME = "0001-01-01T00:00:00Z"
_NAMED = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def quote(name: bytes) -> str:
    """Go's ``strconv.Quote`` without the quotes around."""
    out = []
    for sign in name.decode("utf-8", "surrogateescape"):
        code = ord(sign)
        if 0xDC80 <= code <= 0xDCFF:
            out.append(f"\\x{code - 0xDC00:02x}")
        elif code in _NAMED:
            out.append("\\" + _NAMED[code])
        elif sign == " " or unicodedata.category(sign)[0] in "LMNPS":
            out.append(sign)
        elif code < 0x80:
            out.append(f"\\x{code:02x}")
        else:
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return "".join(out)


def unquote(text: str) -> bytes:
    """Go's ``strconv.Unquote``. Raises ``ValueError``."""
    out = b""
    while text:
        if text[0] in '"\n':
            raise ValueError(text)
        if text[0] != "\\":
            out, text = out + text[0].encode(), text[1:]
            continue
        escapes = {letter: bytes([code]) for code, letter in _NAMED.items()}
        if text[1:2] in escapes and text[1:2]:
            out, text = out + escapes[text[1]], text[2:]
        elif match := re.match(r"\\x([0-9a-fA-F]{2})|\\([0-7]{3})", text):
            out += bytes([int(match[1], 16) if match[1] else int(match[2], 8)])
            text = text[match.end() :]
        elif match := re.match(r"\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})", text):
            out += chr(int(match[1] or match[2], 16)).encode()
            text = text[match.end() :]
        else:
            raise ValueError(text)
    return out


def _string(value: str | bytes) -> str:
    """Go 1.19's ``json.Marshal`` of a string: a byte that is no UTF-8 becomes the escape of U+FFFD."""
    out = []
    for sign in value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value:
        code = ord(sign)
        if 0xD800 <= code <= 0xDFFF:
            out.append("\\ufffd")
        elif sign in '"\\':
            out.append("\\" + sign)
        elif sign in "\n\r\t":
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}[sign])
        elif code < 0x20 or sign in "<>&\u2028\u2029":
            out.append(f"\\u{code:04x}")
        else:
            out.append(sign)
    return '"' + "".join(out) + '"'


def _binary(value: bytes) -> str:
    return '"' + base64.b64encode(value).decode() + '"'


def _is_unicode(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def encode_node(node: dict[str, Any]) -> str:
    """One node. Names, link targets and attributes are bytes; an absent key is Go's zero value, times are strings."""
    members = []
    for key in FIELDS:
        value = node.get("linktarget" if key == "linktarget_raw" else key)
        if key == "name":
            text = _string(quote(value or b""))
        elif key == "linktarget_raw":
            text = "" if not value or _is_unicode(value) else _binary(value)
        elif key == "extended_attributes":
            pairs = [f'{{"name":{_string(name)},"value":{_binary(item)}}}' for name, item in value or []]
            text = "[" + ",".join(pairs) + "]" if pairs else ""
        elif key == "content":
            text = "null" if value is None else json.dumps(value, separators=(",", ":"))
        elif key in ("mtime", "atime", "ctime"):
            text = _string(value or ZERO_TIME)
        elif key in ("uid", "gid"):
            text = str(value or 0)
        elif isinstance(value, int):
            text = str(value) if value else ""
        else:
            text = _string(value or "") if value or key == "type" else ""
        if text:
            members.append(f'"{key}":{text}')
    return "{" + ",".join(members) + "}"


def encode(nodes: list[dict[str, Any]]) -> bytes:
    """A tree's plaintext."""
    return ('{"nodes":[' + ",".join(map(encode_node, nodes)) + "]}\n").encode()


def format_time(ns: int, offset: int) -> str:
    """RFC 3339 with nanoseconds as Go writes it, for the years that ``datetime`` knows."""
    seconds, nanos = divmod(ns, 10**9)
    local = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds + offset)
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    minutes = abs(offset) // 60
    zone = f"{'-' if offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}" if offset else "Z"
    return f"{local.year:04}-{local:%m-%dT%H:%M:%S}{fraction}{zone}"


def decode(data: bytes) -> tuple[list[dict[str, Any]], list[bytes]]:
    """A tree's usable nodes in the order of their names, and the names of the others.

    Members that we do not know are dropped.
    """
    text = re.sub("[\ud800-\udfff]", "\ufffd", data.decode("utf-8", "surrogateescape"))
    nodes: dict[bytes, dict[str, Any]] = {}
    skipped = []
    for raw in json.loads(text)["nodes"]:
        node: dict[str, Any] = {}
        usable = isinstance(raw, dict)
        for key, value in raw.items() if usable else ():
            try:
                _set(node, key.lower(), value)
            except ValueError:
                usable = False
        name = node.get("name", b"")
        target = node.pop("linktarget_raw", None)
        if target is not None:
            node["linktarget"] = target
        if not usable or name in (b"", b".", b"..", *nodes) or b"/" in name or b"\0" in name or len(name) > 4096:
            skipped.append(name)
        else:
            nodes[name] = node
    return [nodes[name] for name in sorted(nodes)], skipped


_NUMBERS = {"mode": 32, "uid": 32, "gid": 32, "inode": 64, "device_id": 64, "size": 64, "links": 64, "device": 64}
_ID = re.compile("[0-9a-f]{64}")


def _set(node: dict[str, Any], key: str, value: Any) -> None:
    """Set a field as Go does; ``null`` leaves numbers and strings alone and empties the rest."""
    if value is None:
        if key in ("content", "subtree", "extended_attributes"):
            node.pop(key, None)
    elif key in _NUMBERS:
        _require(type(value) is int and 0 <= value < 1 << _NUMBERS[key])
        node[key] = value
    elif key == "content":
        _require(isinstance(value, list) and all(isinstance(item, str) and _ID.fullmatch(item) for item in value))
        node[key] = value
    elif key == "extended_attributes":
        _require(isinstance(value, list) and all(isinstance(item, dict) and item.get("name") for item in value))
        node[key] = [(item["name"].encode(), _from_base64(item.get("value") or "")) for item in value]
    elif key in FIELDS:
        _require(isinstance(value, str))
        _require(key != "subtree" or _ID.fullmatch(value))
        node[key] = _CONVERT[key](value) if key in _CONVERT else value


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_CONVERT: dict[str, Callable[[str], bytes]] = {
    "name": unquote,
    "linktarget": str.encode,
    "linktarget_raw": _from_base64,
}


def _require(holds: object) -> None:
    if not holds:
        raise ValueError
