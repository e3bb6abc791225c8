"""restic's options of ``prune``, for every verb that prunes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import UsageError
from strongroom.base.quantities import share, size
from strongroom.cli.arguments.options import typed
from strongroom.maintenance.prune_plan import MaxUnused, PruneOptions
from strongroom.repository.destination import PackOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.cli.shared.context import Context

_MEBIBYTE = 1 << 20


def max_unused(text: str) -> MaxUnused:
    """``unlimited``, a share such as ``5%``, or a size. Raises ``ValueError``."""
    text = text.strip()
    if text == "unlimited":
        return MaxUnused()
    return MaxUnused(percent=share(text)) if text.endswith("%") else MaxUnused(size=size(text))


def _above_zero(text: str) -> int:
    count = size(text)
    if count == 0:
        raise ValueError("it must be larger than zero")
    return count


def add_prune_options(parser: argparse.ArgumentParser) -> None:
    """The options that say what may stay unused, and what is packed anew."""
    group = parser.add_argument_group("what is packed anew")
    group.add_argument(
        "--max-unused",
        metavar="LIMIT",
        type=typed(max_unused),
        help="how much may stay unused: a share such as 5%%, a size, or `unlimited` (default: 5%%)",
    )
    group.add_argument(
        "--max-repack-size", metavar="SIZE", type=typed(size), help="stop after packing this much anew, such as 50G"
    )
    group.add_argument(
        "--repack-cacheable-only", action="store_true", help="pack anew only what is cached: packs with folders"
    )
    group.add_argument("--repack-small", action="store_true", help=argparse.SUPPRESS)  # restic does it in any case
    group.add_argument("--repack-uncompressed", action="store_true", help="pack all anew that is not compressed")
    group.add_argument(
        "--repack-smaller-than",
        metavar="SIZE",
        type=typed(_above_zero),
        help="packs below this size are small, and packed anew together (default: four fifths of usual ones)",
    )
    group.add_argument(
        "--trust-index",
        action="store_true",
        help="believe what the index says of packs, as restic does: quicker, and whoever could add files to the "
        "repository may have planted what makes this remove your data",
    )


def prune_options(
    context: Context, *, dry_run: bool, unsafe_recovery: bool = False, table: Mapping[str, Any] | None = None
) -> PruneOptions:
    """What the command line and the settings say; ``table`` of the file stands in. Raises ``UsageError``."""
    arguments, settings = _with_table(context.arguments, table or {}), context.settings
    compression = settings.get("compression").value
    pack_size = settings.get("pack_size").value * _MEBIBYTE
    if arguments.repack_uncompressed and compression == "off":
        raise UsageError("disabled compression and `--repack-uncompressed` are mutually exclusive")
    smallest = arguments.repack_smaller_than or 0
    if smallest > pack_size:
        raise UsageError("repack-smaller-than exceeds repository packsize", hint="--pack-size sets that, in MiB.")
    return PruneOptions(
        max_unused=arguments.max_unused or MaxUnused(percent=5.0),
        max_repack_size=arguments.max_repack_size,
        repack_smaller_than=smallest,
        repack_cacheable_only=arguments.repack_cacheable_only,
        repack_uncompressed=arguments.repack_uncompressed,
        unsafe_recovery=unsafe_recovery,
        trust_index=arguments.trust_index,
        dry_run=dry_run,
        packs=PackOptions(
            compression=compression,
            pack_size=pack_size,
            extra_verify=not settings.get("no_extra_verify").value,
        ),
    )


_IN_FILE = {"max_unused": max_unused, "max_repack_size": size, "repack_smaller_than": _above_zero}
_FLAGS = ("repack_cacheable_only", "repack_uncompressed", "trust_index")


def _with_table(arguments: argparse.Namespace, table: Mapping[str, Any]) -> argparse.Namespace:
    """The options, with the file's values for those that were not given."""
    found = argparse.Namespace(**vars(arguments))
    for name, parse in _IN_FILE.items():
        if getattr(found, name) is None and name in table:
            try:
                setattr(found, name, parse(table[name]))
            except ValueError as error:
                raise UsageError(str(error), subject=f"{name} in the configuration file") from None
    for name in _FLAGS:
        setattr(found, name, getattr(found, name) or table.get(name, False))
    return found
