"""``options``: what ``-o KEY=VALUE`` may say, for each kind of store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.arguments.extended import OPTIONS

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options beyond the global ones."""
    parser.description = "List the options that -o KEY=VALUE takes, for each kind of store."


def run(context: Context) -> int:
    """Print them."""
    listed = sorted(OPTIONS.items())
    if context.json:
        context.out.json([{"name": name, "description": text} for name, text in listed])
        return 0
    widest = max(map(len, OPTIONS))
    context.out.line("All Extended Options:")
    for name, text in listed:
        context.out.line(f"  {name:<{widest}}  {text}")
    return 0
