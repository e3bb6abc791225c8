"""``custody operator recovery | recover | keep``: where the keys of all operators are lost."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.custody.shared import open_state, operator
from strongroom.cli.custody.two_machines.signing import signed_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.cli.shared.context import Context
    from strongroom.custody.executor.records import Records
    from strongroom.receipts.log.note import Signer, Verifier


def pin_recovery(context: Context, records: Records) -> str:
    """Make the recovery identity known, by the word of operators where there are some."""
    from strongroom.custody.executor.operators import Operators
    from strongroom.custody.executor.words import PIN_RECOVERY

    key = _recovery(context).verifier
    operators = Operators(records)
    word = signed_word(context, PIN_RECOVERY, str(key))
    if word is None and operators.to_change_roster():
        raise UsageError("this is the word of those who are on the roster", hint="Add --sign-with FILE.")
    wanting = operators.pin_recovery(key, [] if word is None else [word])
    _audit(context, records, f"pinned the recovery key {key}")
    return f"noted: {wanting} more must say the same" if wanting else f"the recovery identity is known: {key}"


def recover(context: Context, records: Records) -> str:
    """Have the recovery identity name new operators."""
    from strongroom.base.clock import SYSTEM
    from strongroom.custody.care.naming import naming_words
    from strongroom.custody.executor.succession import Succession
    from strongroom.custody.executor.words import RECOVER, OperatorWord, recover_thing

    keys = _keys(context)
    word = OperatorWord("", "", RECOVER, recover_thing(keys), SYSTEM.now_ns(), os.urandom(16).hex())
    waits = Succession(records).ask(keys, word.sign(_recovery(context)))
    _audit(context, records, f"the recovery identity named {recover_thing(keys)}")
    return f"{naming_words(waits)}; any operator who is left ends it: `custody operator keep --sign-with FILE`"


def keep(context: Context, records: Records) -> str:
    """End it, by the word of one operator."""
    from strongroom.custody.executor.operators import Operators
    from strongroom.custody.executor.succession import Succession
    from strongroom.custody.executor.words import KEEP

    succession = Succession(records)
    waits = succession.waiting()
    if waits is None:
        raise UsageError("nobody waits to be named", subject="operators")
    word = signed_word(context, KEEP, waits.digest)
    if word is None:
        raise UsageError("this is an operator's word", subject="operator keep", hint="Add --sign-with FILE.")
    name = succession.keep(Operators(records).roster(), word)
    _audit(context, records, f"{name} kept the roster as it is")
    return f"the roster stays as it is, by the word of {name}"


def _keys(context: Context) -> Sequence[Verifier]:
    from strongroom.receipts.log.note import Verifier

    given = [text for text in (context.arguments.key, context.arguments.file) if text]
    if not given:
        raise UsageError("who will be operators?", hint="One or two lines of `custody operator new`.")
    return [Verifier.parse(text) for text in given]


def _recovery(context: Context) -> Signer:
    from strongroom.custody.recovery.recipients import recipients
    from strongroom.custody.recovery.signing import recovery_signer_of

    path = context.arguments.recovery
    if not path:
        raise UsageError("with which recovery identity?", hint="--recovery FILE, with the line that `init` printed.")
    if _is_elsewhere(context):
        return recovery_signer_of(path, None)
    with open_state(context) as state:
        return recovery_signer_of(path, recipients(state))


def _audit(context: Context, records: Records, what: str) -> None:
    """Into the audit trail and the incidents of the state, where this machine has one."""
    from strongroom.custody.care.naming import note_naming

    if _is_elsewhere(context):
        return
    with contextlib.ExitStack() as opened:
        state = opened.enter_context(open_state(context))
        with state.database.write() as connection:
            state.record(connection, operator(), "", what)
        for adopted in state.repositories():
            note_naming(state, adopted, records)


def _is_elsewhere(context: Context) -> bool:
    return bool(context.arguments.executor or context.arguments.keeper)
