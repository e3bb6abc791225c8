"""The judge's verbs where custody.toml names an executor on another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.custody.shared import file_of, signer_of, store_for

if TYPE_CHECKING:
    from strongroom.cli.shared.context import Context
    from strongroom.custody.planned.orders import SignedBytes
    from strongroom.custody.state import Adopted
    from strongroom.custody.two_machines.remote_executor import RemoteExecutor
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.contract import Store


def executor_key(context: Context, adopted: Adopted) -> str | None:
    """The key of the repository's executor on another machine; None where it stands here."""
    found: str | None = file_of(context).get("repository", {}).get(adopted.name, {}).get("executor")
    return found


def remote_executor(context: Context, adopted: Adopted, store: Store, signer: Signer) -> RemoteExecutor | None:
    """Who speaks to it; None where it stands here. Raises ``ConfigurationError``, ``Unsupported``."""
    from strongroom.cli.shared.interruptible_clock import InterruptibleClock
    from strongroom.custody.two_machines.remote_executor import RemoteExecutor
    from strongroom.receipts.log.note import Verifier

    key = executor_key(context, adopted)
    if key is None:
        return None
    clock = InterruptibleClock(context.signals)
    return RemoteExecutor(store, adopted.id, adopted.place, signer, Verifier.parse(key), clock)


def pass_on(context: Context, adopted: Adopted, word: SignedBytes) -> None:
    """Send an operator's signed word to the executor, where it stands elsewhere: it has a roster of its own."""
    if executor_key(context, adopted) is None:
        return
    with store_for(context, adopted) as store:
        remote = remote_executor(context, adopted, store, signer_of(context))
        assert remote is not None
        remote.tell_word(word)


def say_where_bounds_are_lifted(context: Context, adopted: Adopted, number: int) -> None:
    """What an approval here does not do: the executor elsewhere takes a person's word at its own machine alone."""
    if executor_key(context, adopted) is not None and not adopted.policy.operators and not context.json:
        context.out.line(
            f"for more than the executor's own bounds allow, say it there as well: "
            f"`strongroom custody executor approve {adopted.name} {number} --executor FOLDER`"
        )
