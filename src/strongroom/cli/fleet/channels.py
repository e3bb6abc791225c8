"""``fleet channels``: by which ways alerts reach people."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Unavailable, UsageError
from strongroom.cli import exit_codes
from strongroom.cli.fleet.shared import add_state, ago, folder_of, open_state, safe_table

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.fleet.server.state import FleetState

_DESCRIPTION = """\
Say by which ways alerts reach people. `add NAME KIND KEY=VALUE…` makes one and sends a test message with a code;
`prove NAME CODE` tells that somebody has read it, and until then nothing else is sent. `test NAME` sends another code.

mail: server=HOST:PORT from=… to=… [security=starttls|tls|none user=… password_file=… cacert=…]. ntfy: url=…
[token_file=… cacert=…]. webhook: url=… [secret_file=… cacert=…]; Strongroom-Signature is HMAC-SHA256, in hexadecimal
digits, of Strongroom-Time, a dot and the body. healthchecks: url=…, pinged hourly while all of this server works and
another channel does; its absence is the alarm; with runs=HOST/SOURCE at the start and the end of each of its runs
instead, with exit code and log. apprise: url_file=…, a file with one of Apprise's URLs, such as slack://…

Each takes least=critical, hosts=PATTERN, tags=TAG,TAG (`fleet tag`), kinds=KIND,KIND, quiet=22:00-07:00 and zone=…:
warnings of these hours come as one message at their end. when=unacknowledged carries only what nobody acknowledged for
four hours (`fleet alerts --acknowledge`). weekly=yes|no: the numbers of the week, each Monday at eight; mail carries
them unless told otherwise.
"""


def arguments_channels(parser: argparse.ArgumentParser) -> None:
    """What to do with which channel."""
    parser.description = _DESCRIPTION
    add_state(parser)
    parser.add_argument("action", choices=("add", "test", "prove", "remove", "list"), help="what to do")
    parser.add_argument("words", nargs="*", metavar="WORD", help="as above")


def run_channels(context: Context) -> int:
    """Do it."""
    from strongroom.fleet.server.channels import delivering

    action, words = context.arguments.action, context.arguments.words
    if len(words) < {"add": 2, "prove": 2, "list": 0}.get(action, 1):
        wanted = {"add": "NAME KIND KEY=VALUE…", "prove": "NAME CODE"}.get(action, "NAME")
        raise UsageError(f"{action} what?", hint=f"strongroom fleet channels {action} {wanted}")
    with open_state(context) as state:
        if action == "list":
            return _list(context, state)
        if action == "add":
            _add(context, state, words)
        elif action == "prove":
            delivering.prove_channel(state, words[0], words[1])
        elif action == "remove":
            delivering.remove_channel(state, words[0])
        if action in ("add", "test"):
            try:
                delivering.send_test(state, words[0])
            except Unavailable as error:
                hint = f"It is kept: `strongroom fleet channels test {words[0]}` tries again, `remove` takes it away."
                raise Unavailable(error.what, subject=words[0], hint=hint) from None
            if not context.json:
                context.out.line(f"A test message is on its way. Type: strongroom fleet channels prove {words[0]} CODE")
    return exit_codes.OK


def _add(context: Context, state: FleetState, words: list[str]) -> None:
    from strongroom.base.durable import write_new
    from strongroom.fleet.protocol.fields import NAME
    from strongroom.fleet.server.channels.delivering import add_channel
    from strongroom.fleet.server.channels.kinds import KINDS

    name, kind, *pairs = words
    if not NAME.match(name):
        raise UsageError("cannot be a channel's name", subject=name, hint="Lower-case letters, digits and dashes.")
    if kind not in KINDS:
        raise UsageError("no such kind of channel", subject=kind, hint=f"There are: {', '.join(KINDS)}.")
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError("not KEY=VALUE", subject=pair)
        settings[key] = value
    if kind == "webhook" and "secret_file" not in settings:
        path = os.path.join(os.path.abspath(folder_of(context)), f"channel-{name}.secret")
        write_new(path, secrets.token_hex(32).encode() + b"\n", f"{path}.{os.getpid()}.new")
        settings["secret_file"] = path
        context.out.warn(f"The secret of its signatures is in {path}")
    add_channel(state, name, kind, settings)


def _list(context: Context, state: FleetState) -> int:
    import sqlalchemy as sa

    from strongroom.fleet.server.schemas import alerting as schema

    with state.database.read() as connection:
        rows = connection.execute(sa.select(schema.channel).order_by(schema.channel.c.name)).all()
    if context.json:
        names = ("name", "kind", "proven", "trouble")
        found = [{name: row._mapping[name] for name in names} | {"settings": json.loads(row.settings)} for row in rows]
        context.out.json(found)
        return exit_codes.OK
    if not rows:
        context.out.line("No channels yet: alerts reach nobody. `strongroom fleet channels add NAME mail …` makes one.")
        return exit_codes.OK
    lines = [[row.name, row.kind, *_standing(state, row)] for row in rows]
    for line in safe_table(("Name", "Kind", "State", "Trouble"), lines):
        context.out.line(line)
    return exit_codes.OK


def _standing(state: FleetState, row: Any) -> tuple[str, str]:
    from strongroom.fleet.server.sealing import CHANGED, is_sealed

    if not is_sealed(state.channels_key, row):
        return "changed", CHANGED
    since, _, words = str(row.trouble).partition(" ")
    trouble = f"{words} ({ago(int(since), state.now())})" if words and since.isdecimal() else str(row.trouble)
    return "not proven" if row.proven is None else "failing" if row.trouble else "works", trouble
