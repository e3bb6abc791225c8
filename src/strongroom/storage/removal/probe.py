"""Removing what a probe made: this can build nothing but names below ``.strongroom/probe/``."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.storage.s3.sign import query_string

if TYPE_CHECKING:
    from strongroom.storage.http.client import ClientAnswer
    from strongroom.storage.s3.client import S3Client

PLACE = ".strongroom/probe/"


class ProbeRemoval:
    """The right to delete below one probe's own prefix."""

    def __init__(self, client: S3Client, prefix: str, run: str) -> None:
        if not run.isalnum():
            raise ValueError("a probe's run is named by letters and digits")
        self._client = client
        self._root = f"{prefix}{PLACE}{run}/"

    def delete(self, key: str, version: str | None = None) -> ClientAnswer:
        """DELETE a key below the root, or one version of it."""
        query = f"?{query_string({'versionId': version})}" if version is not None else ""
        return self._client.ask("DELETE", self._root + key + query)


def remove_folder(repository: str, run: str) -> None:
    """Remove the folder that a probe has just made in a repository's folder."""
    if not run.isalnum():
        raise ValueError("a probe's run is named by letters and digits")
    place = os.path.join(repository, PLACE)
    for folder, _, files in os.walk(os.path.join(place, run), topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
    with contextlib.suppress(OSError):
        os.rmdir(place)
