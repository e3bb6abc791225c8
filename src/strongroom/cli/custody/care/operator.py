"""``custody operator``: the keys with which people sign what they decide."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import add_state, executor_url, open_state, operator, say_decision
from strongroom.cli.custody.two_machines.signing import add_signing, signed_word

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from strongroom.cli.shared.context import Context
    from strongroom.custody.executor.records import Records

_DESCRIPTION = """\
The keys with which operators sign what they decide, where a policy asks for it (`adopt --policy operators=1`, or 2).
`new` makes one, in a file that stays with its owner, and prints the line that `add` takes. The executor keeps the
roster: the first key is added by whoever has this machine, each later one by the word of those who are on it. `require`
says how many sign for a repository from now on, by the word of as many as must now.

`recovery` makes the recovery identity known that `init` printed. Where all keys are lost it names one or two new
operators with `recover`, who are the roster 14 days later; meanwhile each status says so, and `keep`, signed by any one
who is left, ends it.

  strongroom custody operator new alice ~/alice.key
  strongroom custody operator add alice+0123abcd+AbCd...
  strongroom custody operator add bob+89ef4567+EfGh... --sign-with ~/alice.key
  strongroom custody operator list
  strongroom custody operator require web01 2 --sign-with ~/alice.key
  strongroom custody operator recovery --recovery ~/recovery.txt --sign-with ~/alice.key
  strongroom custody operator recover carol+01ab23cd+IjKl... --recovery ~/recovery.txt
"""
_ACTIONS = ("new", "add", "remove", "list", "require", "recovery", "recover", "keep")


def arguments_operator(parser: argparse.ArgumentParser) -> None:
    """What to do with whose key."""
    parser.description = _DESCRIPTION
    parser.add_argument("action", choices=_ACTIONS, metavar="|".join(_ACTIONS))
    parser.add_argument(
        "key",
        nargs="?",
        metavar="NAME|KEY",
        help="`new`: a name; `add`, `remove`: the key's line; `require`: a repository",
    )
    parser.add_argument("file", nargs="?", metavar="FILE|N", help="where `new` writes the key; how many `require` asks")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--executor", metavar="FOLDER", help="of an executor on a machine of its own: its folder")
    place.add_argument("--keeper", metavar="FOLDER", help="of a replica's keeper: its folder")
    parser.add_argument("--recovery", metavar="FILE", help="`recovery`, `recover`: a file with the recovery identity")
    add_signing(parser)
    add_state(parser)


def run_operator(context: Context) -> int:
    """Make a key, or change or show the roster."""
    arguments = context.arguments
    if arguments.action == "new":
        return _new(context)
    if arguments.action == "list":
        return _list(context)
    if arguments.action == "require":
        return _require(context)
    if arguments.action in ("recovery", "recover", "keep"):
        return _recovering(context)
    return _change(context)


def _recovering(context: Context) -> int:
    from strongroom.cli.custody.care.recovering import keep, pin_recovery, recover

    action = {"recovery": pin_recovery, "recover": recover, "keep": keep}[context.arguments.action]
    with _records(context) as records:
        text = action(context, records)
    return say_decision(context, text)


def _new(context: Context) -> int:
    from strongroom.receipts.commit.signing_key import load_or_create

    name, path = context.arguments.key, context.arguments.file
    if not name or not path:
        raise UsageError("whose key, and where?", hint="strongroom custody operator new NAME FILE")
    if os.path.exists(path):
        raise UsageError("is there already", subject=path, hint="A key is made once; name another file.")
    signer = load_or_create(path, name)
    if context.json:
        context.out.json({"message_type": "custody_operator", "key": str(signer.verifier)})
    else:
        context.out.line(str(signer.verifier))
    return 0


def _list(context: Context) -> int:
    from strongroom.custody.care.naming import naming_words
    from strongroom.custody.executor.operators import Operators
    from strongroom.custody.executor.succession import Succession

    with _records(context) as records:
        waits = Succession(records).look()
        keys = list(map(str, Operators(records).roster()))
    if waits is not None:
        context.warn(naming_words(waits))
    if context.json:
        context.out.json([{"name": key.split("+")[0], "key": key} for key in keys])
        return 0
    for key in keys or ["no operator has a key yet"]:
        context.out.line(key)
    return 0


def _change(context: Context) -> int:
    from strongroom.custody.executor.operators import Operators
    from strongroom.custody.executor.words import ADD, REMOVE
    from strongroom.receipts.log.note import Verifier

    arguments = context.arguments
    if not arguments.key or arguments.file:
        raise UsageError("which key?", hint="Its one line, as `custody operator new` printed it.")
    key = Verifier.parse(arguments.key)
    adds = arguments.action == "add"
    with _records(context) as records:
        operators = Operators(records)
        word = signed_word(context, ADD if adds else REMOVE, str(key))
        if word is None and operators.to_change_roster():
            raise UsageError(
                "the roster changes by the word of those who are on it",
                hint="Add --sign-with FILE, with their key.",
            )
        words = [] if word is None else [word]
        wanting = (operators.add if adds else operators.remove)(key, words)
    done = f"{key.name} is {'on' if adds else 'off'} the roster"
    text = f"noted: {wanting} more must say the same" if wanting else done
    return say_decision(context, text)


@contextlib.contextmanager
def _records(context: Context) -> Iterator[Records]:
    """The record of the executor whose roster is meant: of this custodian, or of the folder that is named."""
    from strongroom.base.clock import SYSTEM
    from strongroom.base.errors import ConfigurationError
    from strongroom.custody.executor.records import Records

    arguments = context.arguments
    folder, file = (arguments.keeper, "keeper.db") if arguments.keeper else (arguments.executor, "executor.db")
    with contextlib.ExitStack() as opened:
        if folder is None:
            opened.enter_context(open_state(context))
            url = executor_url(context)
        else:
            path = os.path.join(os.path.abspath(folder), file)
            if not os.path.isfile(path):
                raise ConfigurationError("has no record of an executor's", subject=folder, hint="`init` makes one.")
            url = f"sqlite:///{path}"
        yield opened.enter_context(contextlib.closing(Records(url, SYSTEM)))


def _require(context: Context) -> int:
    from strongroom.base.clock import SYSTEM
    from strongroom.custody.care.requiring import set_operators
    from strongroom.custody.executor.operators import Operators
    from strongroom.custody.executor.records import Records
    from strongroom.custody.executor.words import REQUIRE

    arguments = context.arguments
    if not arguments.key or arguments.file not in ("0", "1", "2"):
        raise UsageError("of which repository, and how many?", hint="custody operator require NAME 0, 1 or 2")
    if arguments.executor or arguments.keeper:
        raise UsageError("how many sign there was said at `init`", subject="operator require")
    count = int(arguments.file)
    with open_state(context) as state:
        adopted = state.repository(arguments.key)
        records = Records(executor_url(context), SYSTEM)
        try:
            operators = Operators(records)
            told = adopted.policy.operators
            thing = operators.require_thing(adopted.id, count)
            word = signed_word(context, REQUIRE, thing, (adopted.id, adopted.place))
            if word is None and operators.needed(adopted.id, told):
                raise UsageError(
                    "this changes by the word of those who sign now",
                    subject=adopted.name,
                    hint="Add --sign-with FILE, with their key.",
                )
            wanting = operators.require(adopted.id, adopted.place, told, count, [] if word is None else [word])
            if not wanting:
                set_operators(state, adopted, count, operator())
        finally:
            records.close()
    text = f"noted: {wanting} more must say the same" if wanting else f"{count} operators sign for {adopted.name}"
    say_decision(context, text)
    return exit_codes.OPERATOR_AWAITED if wanting else exit_codes.OK
