"""The custodian's configuration file, custody.toml, in the folder of its state."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strongroom.base.configuration.checks import duration_text, number, options, price, size_text, text, texts, truth
from strongroom.base.configuration.document import Form, Key, Names, Table, parse, read_text
from strongroom.base.record import replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FILE = "custody.toml"
POLICY_KEYS: dict[str, Key] = {
    "hourly": Key(number, "0", "good snapshots kept, one for each of so many hours"),
    "daily": Key(number, "14", "one for each of so many days"),
    "weekly": Key(number, "8", "one for each of so many weeks"),
    "monthly": Key(number, "12", "one for each of so many months"),
    "yearly": Key(number, "5", "one for each of so many years"),
    "within": Key(number, "0", "all that arrived in the last so many days"),
    "detection": Key(number, "14", "days that must pass before a snapshot counts or goes"),
    "floor": Key(number, "3", "good snapshots of each source that always stay"),
    "hold": Key(number, "7", "days that a plan waits before it is executed"),
    "verify": Key(number, "30", "days in which everything is read again"),
    "expiry": Key(number, "90", "days for which old versions and the trash are kept"),
    "rpo_hours": Key(number, "48", "how old the newest good snapshot may be before nothing goes"),
    "operators": Key(number, "0", "how many operators sign what a person decides: 0, 1 or 2"),
    "show_names": Key(number, "0", "1: the list of good snapshots names hosts and paths in the clear"),
}
ROUND_KEYS: dict[str, Key] = {
    "clocks": Key(texts, '["https://a.example", "https://b.example"]', "servers whose clocks count (--clock)"),
    "budget_bytes": Key(size_text, '"50G"', "how much a round reads at most (--budget-bytes)"),
    "budget_requests": Key(number, "20000", "how many objects and lists it asks for at most (--budget-requests)"),
    "budget_time": Key(duration_text, '"1h30m"', "how long it takes at most (--budget-time)"),
    "metrics": Key(text, '"/var/lib/node_exporter/strongroom.prom"', "the file of metrics (--metrics)"),
    "ping": Key(text, '"https://hc-ping.com/…"', "asked for when all is well (--ping)"),
}
FOLLOW_KEYS: dict[str, Key] = {
    "ping": Key(text, '"https://hc-ping.com/…"', "asked for each hour while all is well (--ping)"),
    "alarm": Key(text, '"https://ntfy.example.org/vault"', "told in words when something is wrong (--alarm)"),
}
PRICE_KEYS: dict[str, Key] = {
    "currency": Key(text, '"USD"', "what the prices are in"),
    "lists": Key(price, "0.005", "for 1,000 lists, each of 1,000 objects at most"),
    "heads": Key(price, "0.0004", "for 1,000 questions for an object"),
    "reads": Key(price, "0.0004", "for 1,000 objects that are read"),
    "writes": Key(price, "0.005", "for 1,000 objects that are written"),
    "gib": Key(price, "0.09", "for each GiB that is read"),
}
REPOSITORY_KEYS: dict[str, Key] = {
    "store": Key(text, '"s3:https://s3.example.org/vault/web01"', "its place, for `adopt` without --store"),
    "credentials": Key(text, '"/etc/strongroom/web01.env"', "a file of variables, NAME=VALUE, for its store alone"),
    "replica_credentials": Key(text, '"/etc/strongroom/replica.env"', "the same for its replica's store"),
    "executor": Key(text, '"strongroom-executor+0123abcd+AbCd…"', "the key of its executor on another machine"),
    "prices": Key(text, '"default"', "the table of prices by which `round --dry-run` says what it costs"),
    "limit_upload": Key(number, "2048", "upload no faster than this, in KiB a second"),
    "limit_download": Key(number, "8192", "download no faster than this, in KiB a second"),
    "cacert": Key(text, '"/etc/ssl/backup-ca.pem"', "trust these certificates (PEM)"),
    "tls_client_cert": Key(text, '"/etc/ssl/me.pem"', "our certificate and its key (PEM)"),
    "insecure_tls": Key(truth, "false", "do not check the server's certificate"),
    "options": Key(options, '{ "s3.region" = "eu-1" }', "options of the kind of store in use (-o)"),
}
_NAMES = Names(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z"),
    "Letters, digits, dots, dashes and underscores, 64 at most.",
    "default",
)
FORM = Form(
    "Strongroom's custody.toml",
    """\
# The custodian. It lies in the folder of the custodian's state, or where --config says. Its owner alone may be able to
# write it. What stands on the command line goes before it.""",
    {
        "custodian": Table(
            {"identity": Key(text, '"/etc/strongroom/identity"', "the age identity that opens custody keys")},
            "the custodian",
        ),
        "round": Table(ROUND_KEYS, "what each round does"),
        "follow": Table(FOLLOW_KEYS, "what `custody follow` says by ways of its own"),
        "prices": Table(
            PRICE_KEYS,
            "what requests and bytes cost, by your provider's own list; what is left out costs nothing",
            _NAMES,
        ),
        "policy": Table(
            POLICY_KEYS,
            "what is kept, and how long decisions wait",
            comment="The policy of repositories that are adopted from now on. Those in care keep what was pinned.",
        ),
        "repository": Table(
            REPOSITORY_KEYS,
            "how a repository's store is reached, by the name that it has here",
            replace(_NAMES, example="web01"),
        ),
    },
)
"""What the file may hold."""


def read_custody_file(path: str) -> Mapping[str, Any]:
    """Its tables. Raises ``ConfigurationError``, also when anybody but its owner or root can write it."""
    hint = "`strongroom config generate --custodian` prints one to begin with."
    return parse(FORM, read_text(path, hint=hint, runs_commands=True), path)
