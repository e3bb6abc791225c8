"""What the verbs of a gateway share: where it is, its settings, and paths of repositories."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import UsageError
from strongroom.gateway.access.policy import load_policy
from strongroom.gateway.settings import DEFAULT_PATH, GatewaySettings

if TYPE_CHECKING:
    import argparse


def place_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the gateway is."""
    parser.add_argument("--path", metavar="FOLDER", help="the data folder (default: $DATA_DIRECTORY or /tmp/restic)")
    parser.add_argument("--store", metavar="URL", help="serve a bucket, s3://… gs://… or az://…, instead of a folder")
    parser.add_argument("--state", metavar="FOLDER", help="the state (default: $STATE_DIRECTORY or PATH/.strongroom)")
    parser.add_argument("--database", metavar="URL", help="sqlite:///file or postgresql://… (default: in the state)")


def settings_of(arguments: argparse.Namespace) -> GatewaySettings:
    """The settings that flags and the policy file's [server] table give; flags win. Raises ``ConfigurationError``."""
    given: dict[str, Any] = {"path": os.environ.get("DATA_DIRECTORY") or DEFAULT_PATH}
    known = GatewaySettings.__dataclass_fields__
    if arguments.config:
        given |= load_policy(arguments.config).server
    pairs = [f"{key}={value}" for key, value in arguments.extended or ()]
    flags = {"host": getattr(arguments, "log_host", None), "store_options": pairs or None} | vars(arguments)
    for name, value in flags.items():
        if name in known and value is not None and value is not False:
            given[name] = tuple(value) if isinstance(value, list) else value
    if isinstance(certificates := given.get("cacert"), str):
        given["cacert"] = (certificates,)
    return GatewaySettings(**given)


def path_of(place: str) -> str:
    """A repository's path as it was given, tidied. Raises ``UsageError``."""
    from strongroom.gateway.paths import MAX_DEPTH, is_folder_name

    parts = place.strip("/").split("/") if place.strip("/") else []
    if place != "*" and (len(parts) > MAX_DEPTH or not all(is_folder_name(part) for part in parts)):
        raise UsageError("not the path of a repository", hint="at most two folders, such as web01 or team/web01")
    return "/".join(parts)
