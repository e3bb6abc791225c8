"""The twin of the kernel's index: the JSON as Python reads it, in a dictionary."""

from __future__ import annotations

import json
from collections import defaultdict

Place = tuple[str, int, int, int]
"""Pack, offset, length, uncompressed length."""


class Index:
    """All places of all blobs, the exact ones once, in the order of arrival."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, str], list[Place]] = defaultdict(list)
        self.packs: list[str] = []

    def load(self, plaintext: bytes) -> list[str]:
        """Adds one index file and returns its packs."""
        packs = json.loads(plaintext)["packs"]
        for pack in packs:
            if pack["id"] not in self.packs:
                self.packs.append(pack["id"])
            for blob in pack["blobs"]:
                place = (pack["id"], blob["offset"], blob["length"], blob.get("uncompressed_length", 0))
                places = self.places[(blob["type"], blob["id"])]
                if place not in places:
                    places.append(place)
        return [pack["id"] for pack in packs]


def encode(packs: list[tuple[str, list[dict[str, object]]]]) -> bytes:
    """An index file as restic writes it: keys in this order, no white space but the newline at the end."""
    keys = ("id", "type", "offset", "length", "uncompressed_length")
    document = {
        "packs": [
            {"id": pack, "blobs": [{key: blob[key] for key in keys if key in blob} for blob in blobs]}
            for pack, blobs in packs
        ]
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
