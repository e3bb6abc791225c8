"""The start of the program is quick, and says little."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "strongroom._kernel",
    "strongroom.repository",
    "strongroom.archive",
    "strongroom.storage",
    "argparse",
    "logging",
    "ssl",
    "http",
    "urllib3",
    "importlib.metadata",
    "tomllib",
    "subprocess",
    "sqlalchemy",
    "boto3",
)


def _loaded(*words: str) -> set[str]:
    program = (
        "import sys\n"
        "sys.argv[1:] = " + repr(list(words)) + "\n"
        "from strongroom.cli.main import main\n"
        "code = main()\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout
    return set(ended.stderr.split())


def test_version_loads_nothing_heavy() -> None:
    """`strongroom --version` answers without what any verb needs: that is what keeps it within 0.1 s."""
    loaded = _loaded("--version")
    assert sorted(name for name in loaded if name.startswith(HEAVY)) == []


@pytest.mark.parametrize("words", [("--help",), ("config", "generate")])
def test_help_and_file_verbs_load_no_kernel(words: tuple[str, ...]) -> None:
    """What needs no repository loads neither the kernel nor the repository."""
    loaded = _loaded(*words)
    assert sorted(name for name in loaded if name.startswith(("strongroom._kernel", "strongroom.repository"))) == []
