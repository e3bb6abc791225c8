"""Where the key pair for S3 comes from.

The environment's ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY`` first. Without them botocore is asked, which knows
profiles, roles, web identities and the metadata services of machines, and renews what expires; importing it takes half
a second, so it is asked only then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError
from strongroom.storage.s3.sign import Credentials
from strongroom.storage.stopping import Stop

if TYPE_CHECKING:
    from strongroom.storage.options import StoreOptions

Source = Callable[[], Credentials | None]
"""Gives the key pair for the next request; None for requests without a signature."""


def source(options: StoreOptions, subject: str) -> Source:
    """Where to take credentials from. Raises ``ConfigurationError`` when there are none.

    ``-o s3.unsafe-anonymous-auth=true`` signs nothing, as with restic; ``-o s3.profile=NAME`` names a profile.
    """
    if options.extended.get("s3.unsafe-anonymous-auth", "").lower() == "true":
        return lambda: None
    environment = options.environment
    access, secret = environment.get("AWS_ACCESS_KEY_ID", ""), environment.get("AWS_SECRET_ACCESS_KEY", "")
    profile = options.extended.get("s3.profile") or environment.get("AWS_PROFILE")
    if access and secret and not options.extended.get("s3.profile"):
        fixed = Credentials(access, secret, environment.get("AWS_SESSION_TOKEN", ""))
        return lambda: fixed
    return Stop(options).result_of(lambda: _botocore(profile, subject))


def _botocore(profile: str | None, subject: str) -> Source:
    hint = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
    try:
        import botocore.exceptions  # type: ignore[import-untyped]  # noqa: PLC0415
        import botocore.session  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            "there are no credentials in the environment",
            subject=subject,
            hint=f"{hint} Profiles and roles need: pip install '.[objects]' in the source.",
        ) from error
    try:
        found = botocore.session.Session(profile=profile).get_credentials()
    except botocore.exceptions.BotoCoreError as error:
        raise ConfigurationError(f"no credentials: {error}", subject=subject, hint=hint) from error
    if found is None:
        raise ConfigurationError("there are no credentials", subject=subject, hint=hint)

    def current() -> Credentials:
        frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")

    return current
