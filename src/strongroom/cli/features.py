"""``features``: restic's feature flags, and how each stands here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.output.table import table
from strongroom.cli.shared.features import FEATURES

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options beyond the global ones."""
    parser.description = (
        "List restic's feature flags and how each stands here. None can be switched; RESTIC_FEATURES is read, and\n"
        "what it asks for in vain is a warning."
    )


def run(context: Context) -> int:
    """Print them."""
    if context.json:
        listed = [{"name": one.name, "enabled": one.on, "description": one.meaning} for one in FEATURES]
        context.out.json(listed)
        return 0
    context.out.line("All Feature Flags:")
    rows = [(one.name, "fixed", "true" if one.on else "false", one.meaning) for one in FEATURES]
    for line in table(("Name", "Type", "Default", "Description"), rows):
        context.out.line(line)
    return 0
