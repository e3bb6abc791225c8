"""The gateway's configuration file, gateway.toml: what its tables may hold."""

from __future__ import annotations

import ipaddress
import re

from strongroom.base.configuration.checks import number, seconds, size_text, size_value, text, texts, truth
from strongroom.base.configuration.document import Form, Key, Names, Table
from strongroom.gateway.access.roles import GIVEN, Role

PRINCIPAL = Names(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z"),
    "letters, digits, dot, dash, underline and @; at most 64",
    "web01",
)
_TOKEN = r"([0-9a-f]{16}):([0-9a-f]{64})"
_NAME_SHAPE = {"type": "string", "pattern": "^" + PRINCIPAL.pattern.pattern.replace(r"\Z", "$")}


def networks(value: object) -> str:
    """Networks as one text, separated by blanks. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("must be a list of networks")
    return " ".join(str(ipaddress.ip_network(one, strict=False)) for one in value)


def tokens(value: object) -> dict[str, bytes]:
    """Hashes of tokens by their IDs. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, list):
        raise ValueError("must be a list of a token's ID and hash, as ID:HASH")
    found = {}
    for one in value:
        match = re.fullmatch(_TOKEN, one) if isinstance(one, str) else None
        if match is None:
            raise ValueError("must be a list of a token's ID and hash, as ID:HASH")
        found[match[1]] = bytes.fromhex(match[2])
    return found


def principal_name(value: object) -> str:
    """The name of a principal. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, str) or PRINCIPAL.pattern.match(value) is None:
        raise ValueError(f"must be the name of a principal: {PRINCIPAL.hint}")
    return value


def role(value: object) -> Role:
    """A role. Raises ``ValueError`` with what it must be."""
    found = GIVEN.get(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be host, auditor, custodian or judge")
    return found


def patterns(value: object) -> tuple[str, ...]:
    """Paths of repositories. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of repositories")
    return texts(value)


def listed(value: object) -> tuple[str, ...]:
    """Texts, always as a list. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, list):
        raise ValueError('must be a list of texts, such as ["one", "two"]')
    return texts(value)


_LIST = {"type": "array", "items": {"type": "string", "minLength": 1}}
PRINCIPAL_KEYS = {
    "token_sha256": Key(
        tokens,
        '["0123456789abcdef:<64 hexadecimal digits>"]',
        "ID and SHA-256 of each token that counts",
        shape={"type": "array", "items": {"type": "string", "pattern": f"^{_TOKEN}$"}},
    ),
    "quota": Key(size_value, '"500G"', "how much it may store"),
    "objects": Key(number, "1000000", "how many objects it may store"),
    "snapshots_per_day": Key(number, "48", "how many snapshots it may make a day"),
    "reads_per_day": Key(size_value, '"50G"', "reading beyond this is an alarm; nothing is refused"),
    "addresses": Key(
        networks,
        '["192.0.2.0/24"]',
        "networks that it may come from",
        shape={"type": "array", "items": {"type": "string", "format": "ip-network"}},
    ),
}
RULE_KEYS = {
    "principal": Key(principal_name, '"web01"', "whose role this is", True, _NAME_SHAPE),
    "repositories": Key(patterns, '["web01", "team/*"]', "paths that it holds for", True, {**_LIST, "minItems": 1}),
    "role": Key(role, '"host"', "host, auditor, custodian or judge", True, {"enum": list(GIVEN)}),
}
SERVER_KEYS = {
    "path": Key(text, '"/srv/backup"', "the data folder"),
    "listen": Key(listed, '[":8000"]', "host:port, :port or unix:/path", shape=_LIST),
    "append_only": Key(truth, "true", "hosts may add and never delete"),
    "private_repos": Key(truth, "true", "users only reach repositories below a folder of their name"),
    "htpasswd_file": Key(text, '"/srv/backup/.htpasswd"', "the password file"),
    "no_auth": Key(truth, "false", "serve everybody without a password"),
    "tls": Key(truth, "true", "speak TLS"),
    "tls_cert": Key(text, '"/etc/strongroom/cert.pem"', "the certificate"),
    "tls_key": Key(text, '"/etc/strongroom/key.pem"', "its key"),
    "tls_min_ver": Key(text, '"1.2"', "the oldest TLS that is spoken, 1.2 or 1.3"),
    "max_size": Key(size_value, '"10T"', "the most that all repositories together may hold"),
    "log": Key(text, '"/var/log/strongroom/access.log"', "write an access log to this file, - for standard output"),
    "log_format": Key(text, '"json"', "how a line of it looks, combined or json"),
    "message_format": Key(text, '"json"', "how the server's own messages on standard error look, text or json"),
    "message_level": Key(text, '"warning"', "the least level of them that is said: info, warning or error"),
    "prometheus": Key(truth, "true", "serve metrics at /metrics"),
    "prometheus_no_auth": Key(truth, "false", "serve them without authentication"),
    "proxy_auth_username": Key(text, '"X-User"', "trust a proxy's word, in this header, for who is asking"),
    "trusted_proxies": Key(listed, '["127.0.0.1"]', "proxies whose word counts: networks, or unix", shape=_LIST),
    "group_accessible_repos": Key(truth, "false", "let the group read and write the files"),
    "store": Key(text, '"s3://s3.example/bucket/prefix"', "serve a bucket, s3://, gs:// or az://, instead of a folder"),
    "store_options": Key(listed, '["s3.region=eu-central-1"]', "options of the kind of store, as -o", shape=_LIST),
    "cacert": Key(text, '"/etc/ssl/store-ca.pem"', "certificates to trust when the store is reached"),
    "allow_unconditional": Key(truth, "false", "serve a store that replaces what it is given"),
    "spool_bytes": Key(size_value, '"16G"', "with a store: how much uploads may hold on this disk at once"),
    "state": Key(text, '"/var/lib/strongroom"', "the folder of the gateway's state"),
    "database": Key(text, '"postgresql://host/strongroom"', "sqlite:///file or postgresql://…"),
    "signing_key": Key(text, '"/etc/strongroom/log.key"', "the log's key"),
    "host": Key(text, '"backup.example"', "the name in the log's origin"),
    "workers": Key(number, "2", "how many processes serve"),
    "allow_plaintext": Key(truth, "false", "serve beyond loopback without TLS"),
    "public_log": Key(truth, "false", "let every principal read all entries of the log"),
    "witness": Key(text, '"https://witness.example"', "a witness that countersigns the log"),
    "witness_key": Key(text, '"witness.example+…"', "the witness's verifier key"),
    "uploads_per_principal": Key(number, "32", "how many uploads of a principal may be under way"),
    "locks_per_principal": Key(number, "64", "how many locks a principal may have"),
    "keys_per_repository": Key(number, "16", "how many keys a repository may have"),
    "reads_per_day": Key(size_text, '"10G"', "beyond this a principal's reading is an alarm"),
    "trash_days": Key(number, "90", "so long what a custodian deletes stays in the trash at least"),
    "clock_kept_outside": Key(truth, "false", "a hypervisor keeps the clock: do not ask the kernel"),
    "drain_seconds": Key(seconds, "20", "how long requests may go on when the gateway ends"),
    "slow_rate": Key(size_value, "8000", "a body slower than so many bytes a second is cut off …"),
    "slow_span": Key(seconds, "30", "… when it is so over this time"),
}
FORM = Form(
    "Strongroom's gateway",
    """\
# The configuration of a gateway: `strongroom gateway serve --config FILE`. It is read again when it changes, but for
# the table [server]. Take the # away from what you want to set.
# `strongroom config validate --gateway FILE` checks it.""",
    {
        "server": Table(SERVER_KEYS, "how the gateway serves: the flags of `gateway serve`, which count before it"),
        "principal": Table(
            PRINCIPAL_KEYS, "a fixed principal; others are made with `strongroom gateway principal add`", PRINCIPAL
        ),
        "rule": Table(
            RULE_KEYS,
            "the role of a principal for the repositories whose paths match one of the patterns; of several the first",
            listed=True,
            example={"principal": '"web01"', "repositories": '["web01"]', "role": '"host"'},
        ),
    },
)
"""What the file may hold."""
