"""Every call that can delete stands in ``storage/removal/``, or in this list with its reason."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "strongroom"
WING = "storage/removal"
CALLS = {"unlink", "rmtree", "rmdir", "removedirs", "truncate", "ftruncate", "delete_object", "delete_objects"}
"""Names of functions and methods that delete, whoever has them."""
OF_MODULES = {("os", "remove"), ("os", "replace"), ("os", "rename"), ("shutil", "move"), ("obstore", "delete")}
WORDS = {"DELETE", *CALLS, *(".".join(one) for one in OF_MODULES)}
"""Without one of these in its text a file deletes nothing, and need not be parsed."""
ALLOWED = {
    "base/durable.py": (5, "our own temporary files, and giving a file its name or replacing it whole"),
    "cli/cat.py": (1, "a buffer in memory"),
    "cli/output/files.py": (2, "the temporary file beside one that the user named for results"),
    "database/sqlite_file.py": (1, "our own mark of how a database was left"),
    "fleet/host/diagnosis.py": (1, "a delete that must fail, of a name that nothing has"),
    "fleet/host/hooks/journal.py": (2, "our own notes of what must be run in any case"),
    "fleet/host/joining/beginning_anew.py": (3, "puts our own earlier membership beside itself, with a number"),
    "fleet/host/reporting/outbox.py": (2, "reports that the server has, or that found no room"),
    "fleet/host/schedule/installing.py": (1, "units that we wrote ourselves"),
    "gateway/http/listeners.py": (1, "a socket that a killed server left"),
    "gateway/watch/metrics.py": (1, "counters of processes that have ended"),
    "gateway/places/bucket/intents.py": (1, "an unfinished upload in our own spool"),
    "gateway/places/disk/changes.py": (2, "our own notes of what moves"),
    "gateway/places/disk/intake.py": (1, "an unfinished upload of our own"),
    "gateway/places/disk/leftovers.py": (1, "what a killed upload left"),
    "gateway/places/disk/repository.py": (2, "the ID that a copied folder brought along; our own temporary file"),
    "repository/cache.py": (3, "the cache, which can be made anew"),
    "storage/cloud/store.py": (1, "a lock's release"),
    "storage/http/objects.py": (1, "a lock's release"),
    "storage/local/store.py": (1, "a lock's release"),
    "storage/local/temporary.py": (2, "our own temporary files"),
}
"""By file, how many calls there are and why each may stand there."""


def deleting(tree: ast.AST) -> int:
    """How many calls in a file can delete: by a function's name, or by an HTTP request's method."""
    return sum(_deletes(node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def _deletes(call: ast.Call) -> bool:
    function = call.func
    if any(isinstance(one, ast.Constant) and one.value == "DELETE" for one in call.args):
        return True
    if isinstance(function, ast.Name):
        return function.id in CALLS
    if not isinstance(function, ast.Attribute):
        return False
    of = function.value.id if isinstance(function.value, ast.Name) else ""
    return function.attr in CALLS or (of, function.attr) in OF_MODULES


def test_what_deletes_stands_apart() -> None:
    """Outside its wing nothing deletes but what the list names, and no entry of the list is stale."""
    found = Counter[str]()
    for path in sorted(SOURCE.rglob("*.py")):
        name = str(path.relative_to(SOURCE))
        text = path.read_text()
        if name.startswith(WING) or not any(word in text for word in WORDS):
            continue
        if count := deleting(ast.parse(text)):
            found[name] = count
    assert dict(found) == {name: count for name, (count, _) in ALLOWED.items()}


def test_a_call_that_deletes_is_seen() -> None:
    """Each way to delete that the list is about is found in source that has it."""
    source = 'os.unlink(a)\nos.remove(b)\npath.unlink()\nclient.ask("DELETE", key)\nobstore.delete(s, k)\nrmtree(x)\n'
    assert deleting(ast.parse(source)) == 6
    assert deleting(ast.parse('os.stat(a)\ntable.delete()\nnames.remove(x)\nclient.ask("GET", key)\n')) == 0
