"""What the verbs of an operator share: a word that is signed with a key of theirs, where the policy asks for one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.custody.shared import executor_url, operator, say_decision
from strongroom.cli.custody.two_machines.remote import pass_on

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.executor.records import Records
    from strongroom.custody.planned.orders import SignedBytes
    from strongroom.custody.state import Adopted, State

VARIABLE = "STRONGROOM_OPERATOR_KEY"


def add_signing(parser: argparse.ArgumentParser) -> None:
    """``--sign-with``."""
    parser.add_argument(
        "--sign-with",
        metavar="FILE",
        help=f"your key, where the policy asks for operators' signatures (default: ${VARIABLE})",
    )


def signed_word(context: Context, verb: str, thing: str, place: tuple[str, str] = ("", "")) -> SignedBytes | None:
    """What is said, signed with the key that is named; None where none is. ``place``: a repository's ID and store.

    Raises ``ConfigurationError``."""
    from strongroom.base.clock import SYSTEM
    from strongroom.custody.executor.words import OperatorWord
    from strongroom.receipts.commit.signing_key import load

    path = context.arguments.sign_with or os.environ.get(VARIABLE)
    if not path:
        return None
    return OperatorWord(*place, verb, thing, SYSTEM.now_ns(), os.urandom(16).hex()).sign(load(path, "operator"))


def spoken(context: Context, adopted: Adopted, verb: str, thing: str) -> str | None:
    """Who decides, for the audit trail; None where another operator has to say the same first, which is said here, and
    the exit code is ``OPERATOR_AWAITED``.

    Raises ``UsageError`` where a signature is asked for and none is given, ``Refused`` where it is nobody's.
    """
    from strongroom.base.clock import SYSTEM
    from strongroom.custody.executor.operators import Operators
    from strongroom.custody.executor.records import Records

    records = Records(executor_url(context), SYSTEM)
    try:
        operators = Operators(records)
        needed = operators.needed(adopted.id, adopted.policy.operators)
        word = signed_word(context, verb, thing, (adopted.id, adopted.place))
        if word is None and needed:
            raise UsageError(
                f"asks for the signatures of {needed} operators" if needed > 1 else "asks for an operator's signature",
                subject=adopted.name,
                hint=f"--sign-with FILE, or ${VARIABLE}; `strongroom custody operator new` makes a key.",
            )
        if word is None:
            return operator()
        heard, name = operators.hear(adopted.id, adopted.place, word)
    finally:
        records.close()
    pass_on(context, adopted, word)
    if heard >= needed:
        return f"{operator()} with the key {name}"
    words = f"noted: {heard} of {needed} operators say so; another one says the same with a key of theirs"
    say_decision(context, words)
    return None


def approval_signed(
    context: Context, records: Records, place: tuple[str, str], number: int, digest: str, needed: int
) -> bool:
    """Whether as many operators as it takes have signed at this record that a plan may go; how many, where not.

    What is signed in this command counts at once. Raises ``Refused`` for a stranger's key.
    """
    from strongroom.custody.executor.operators import Operators
    from strongroom.custody.executor.words import APPROVE, plan_thing

    operators, thing = Operators(records), plan_thing(number, digest)
    word = signed_word(context, APPROVE, thing, place)
    if word is not None:
        operators.hear(*place, word)
    heard = operators.said(place[0], APPROVE, thing)
    if heard >= needed:
        return True
    words = f"{heard} of {needed} operators say so; each signs with a key of theirs: --sign-with FILE"
    say_decision(context, words)
    return False


def plan_spoken(context: Context, state: State, adopted: Adopted, number: int) -> str | None:
    """As ``spoken``, of a plan as it is signed. Raises ``UsageError`` where there is no such plan."""
    from strongroom.custody.executor.words import APPROVE, plan_thing
    from strongroom.custody.planned.plans import plan_row, signed

    row = plan_row(state, adopted.id, number)
    document = None if row is None else signed(row)
    if document is None:
        raise UsageError("is no plan that waits", subject=f"plan {number}", hint="`custody plan show` lists them.")
    return spoken(context, adopted, APPROVE, plan_thing(number, document.digest))
