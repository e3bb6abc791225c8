"""The fleet server's configuration file, fleet.toml, in the folder of its state."""

from __future__ import annotations

import re

from strongroom.base.configuration.checks import password, text, truth
from strongroom.base.configuration.document import Form, Key, Names, Table

SERVER_KEYS: dict[str, Key] = {
    "url": Key(text, '"https://fleet.example.org:8040"', "where hosts reach the server", True),
    "listen": Key(text, '"0.0.0.0:8040"', "host:port to listen on"),
    "database": Key(text, '"postgresql://host/fleet"', "another database than fleet.db beside this file"),
    "tls_cert": Key(text, '"/etc/ssl/fleet.pem"', "another certificate than the one that `init` made"),
    "tls_key": Key(text, '"/etc/ssl/fleet.key"', "its key"),
    "pin": Key(truth, "true", "tokens name the certificate's hash; false: hosts believe the system's authorities"),
    "card": Key(text, '"/etc/strongroom/card"', "the custodian's card, which each token carries"),
}
GATEWAY_KEYS: dict[str, Key] = {
    "url": Key(text, '"https://backup.example.org:8000"', "where hosts reach the gateway", True),
    "user": Key(text, '"fleet"', "the enroller's name there"),
    "token": Key(password, '{ file = "/etc/strongroom/enroller" }', "its token: command, file or env"),
    "log_key": Key(text, '"backup.example.org/log+0123abcd+…"', "the verifier key of its log, to follow receipts"),
    "witness_key": Key(text, '"witness.example.org+4567cdef+…"', "who countersigns that log: its time counts, too"),
    "auditor": Key(text, '"fleet-log"', "who may read that log: a principal with the role auditor"),
    "auditor_token": Key(password, '{ file = "/etc/strongroom/auditor" }', "its token: command, file or env"),
    "cacert": Key(text, '"/etc/ssl/backup-ca.pem"', "trust these certificates (PEM)"),
}
FORM = Form(
    "Strongroom's fleet.toml",
    "# The fleet server. Commands in it are run, so its owner alone may be able to write it.",
    {
        "server": Table(SERVER_KEYS, "the server", example={"url": '"https://fleet.example.org:8040"'}),
        "gateway": Table(
            GATEWAY_KEYS,
            "a gateway that lets hosts in when this server asks, by a name of your choice",
            Names(
                re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z"), "Letters, digits, dots, dashes and underscores.", "offsite"
            ),
        ),
    },
)
"""What the file may hold."""
