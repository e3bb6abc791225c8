"""A host's fleet.toml, beside its configuration file: which server it reports to, and how far it obeys."""

from __future__ import annotations

from strongroom.base.configuration.checks import text, texts, truth
from strongroom.base.configuration.document import Form, Key, Table

FORM = Form(
    "Strongroom's fleet.toml of a host",
    "# Written by `strongroom host enrol`. What this host is in its fleet.",
    {
        "server": Table(
            {
                "url": Key(text, '"https://fleet.example.org:8040"', "where the server is", True),
                "pin": Key(
                    text, '"<64 hexadecimal digits>"', "its certificate's SHA-256; else the system's authorities"
                ),
            },
            "the server that this host reports to",
            example={"url": '"https://fleet.example.org:8040"'},
        ),
        "host": Table(
            {
                "id": Key(text, '"<32 hexadecimal digits>"', "the ID of this host's key", True),
                "name": Key(text, '"web01"', "what the fleet calls it", True),
                "requests": Key(texts, '["report", "run"]', "what its server may ask of it; nothing when left out"),
                "paths": Key(truth, "true", "whether reports name files that could not be read"),
            },
            "this host",
            example={"id": '"<32 hexadecimal digits>"', "name": '"web01"'},
        ),
    },
)
"""What the file may hold."""
