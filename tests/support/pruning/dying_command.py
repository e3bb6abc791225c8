"""A command that ends with its process at a certain change of the repository, locks not counted.

``python -m tests.support.pruning.dying_command LAST made|not WORD …``. Says on standard error how many changes there
were if it comes to its end.
"""

from __future__ import annotations

import os
import sys
import threading

from strongroom.base.objects import Kind, ObjectName
from strongroom.cli.main import main
from strongroom.storage.local.store import LocalStore
from strongroom.storage.removal import run_trash
from strongroom.storage.removal.local import LocalRemoval


def run(last: int, made: bool, words: list[str]) -> int:
    """Run the command until that change, which is made or not."""
    create, remove = LocalStore.create, LocalRemoval.remove_unsettled
    keep, back = run_trash.KeepingRemoval.remove_unsettled, run_trash._back
    guard = threading.Lock()
    count = 0

    def is_last(name: ObjectName) -> bool:
        nonlocal count
        if name.kind is Kind.LOCK:
            return False
        with guard:
            count += 1
            if count == last and not made:
                os._exit(9)
            return count == last

    def dying_create(self: LocalStore, name: ObjectName, data: bytes) -> None:
        ends = is_last(name)
        create(self, name, data)
        if ends:
            os._exit(9)

    def dying_remove(self: LocalRemoval, name: ObjectName) -> None:
        ends = is_last(name)
        remove(self, name)
        if ends:
            os._exit(9)

    def dying_keep(self: run_trash.KeepingRemoval, name: ObjectName) -> None:
        ends = is_last(name)
        keep(self, name)
        if ends:
            os._exit(9)

    def dying_back(path: str, target: str, name: ObjectName) -> None:
        ends = is_last(name)
        back(path, target, name)
        if ends:
            os._exit(9)

    LocalStore.create = dying_create  # type: ignore[assignment, method-assign]  # of this process, which ends here
    LocalRemoval.remove_unsettled = dying_remove  # type: ignore[method-assign]
    run_trash.KeepingRemoval.remove_unsettled = dying_keep  # type: ignore[method-assign]
    run_trash._back = dying_back
    code = main(words)
    print(f"changes: {count}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), sys.argv[2] == "made", sys.argv[3:]))
