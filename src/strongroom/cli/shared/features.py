"""restic's feature flags: which of them hold here, and what ``RESTIC_FEATURES`` may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.base.record import record
from strongroom.cli.shared.environment import lookup

if TYPE_CHECKING:
    from strongroom.cli.shared.context import Context


@record
class Feature:
    """A flag of restic's, how it stands here, and what that means."""

    name: str
    on: bool
    meaning: str


FEATURES = (
    Feature("backend-error-redesign", True, "requests that are stuck are given up and tried again"),
    Feature("deprecate-legacy-index", True, "an index of restic 0.1 is refused; `repair index` makes it anew"),
    Feature("deprecate-s3-legacy-layout", True, "the layout of S3 before restic 0.7 is not read"),
    Feature("device-id-for-hardlinks", False, "every entry holds the number of its device, as restic does by default"),
    Feature("explicit-s3-anonymous-auth", True, "S3 without a name needs -o s3.unsafe-anonymous-auth=true"),
    Feature("s3-restore", False, "objects in cold storage are to be brought back by other means"),
    Feature("safe-forget-keep-tags", True, "--keep-tag with a tag that no snapshot has removes nothing"),
)
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


def heed_variable(context: Context) -> None:
    """Read ``RESTIC_FEATURES``, and warn of what cannot be had here. Raises ``UsageError`` for what restic refuses."""
    variable = lookup("FEATURES")
    if variable is None:
        return
    known = {feature.name: feature for feature in FEATURES}
    for text in variable.value.split(","):
        name, _, value = text.partition("=")
        value = value or "true"
        if value not in _TRUE + _FALSE:
            raise UsageError(
                f'failed to parse value "{value}" for feature flag {name}', subject=variable.name, hint="true or false."
            )
        if name not in known:
            hint = "`strongroom features` lists them."
            raise UsageError(f'unknown feature flag "{name}"', subject=variable.name, hint=hint)
        if (value in _TRUE) != known[name].on:
            state = "on" if known[name].on else "off"
            context.warn(f"{variable.name}: {name} is always {state} here: {known[name].meaning}")
