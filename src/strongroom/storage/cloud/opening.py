"""Opening a bucket of Google's or a container of Azure's: credentials, certificates, time limits.

Credentials are the providers' own: ``GOOGLE_APPLICATION_CREDENTIALS``, ``AZURE_STORAGE_*``, and restic's
``AZURE_ACCOUNT_NAME``, ``AZURE_ACCOUNT_KEY``, ``AZURE_ACCOUNT_SAS``.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from obstore import exceptions
from obstore.store import AzureStore, GCSStore

from strongroom.base.errors import ConfigurationError, Unsupported
from strongroom.base.redact import redact

if TYPE_CHECKING:
    from strongroom.storage.cloud.url import CloudAddress
    from strongroom.storage.options import StoreOptions


def open_bucket(address: CloudAddress, options: StoreOptions) -> Any:
    """obstore's store for the whole bucket. Raises ``ConfigurationError``."""
    if options.cacert or options.client_certificate:
        raise Unsupported(
            "certificates of one's own are not possible here", subject=address.location, hint="Leave the option out."
        )
    client: Any = {
        "timeout": f"{options.longest_request:.0f}s",  # the default would cut long uploads
        "connect_timeout": "30s",
        "user_agent": options.user_agent or "strongroom",
    }
    if address.endpoint.startswith("http://"):
        client["allow_http"] = True
    if options.insecure_tls:
        client["allow_invalid_certificates"] = True
    once: Any = {"max_retries": 0, "retry_timeout": datetime.timedelta(seconds=0)}  # RetryStore retries
    try:
        config: Any = _google(address, options) if address.scheme == "gs" else _azure(address, options)
        kind = GCSStore if address.scheme == "gs" else AzureStore
        return kind(address.bucket, config=config, client_options=client, retry_config=once)
    except (exceptions.BaseError, OSError, ValueError) as error:
        text = redact(str(error)).splitlines()
        raise ConfigurationError(
            f"no usable credentials: {text[0] if text else type(error).__name__}", subject=address.location
        ) from None


def _google(address: CloudAddress, options: StoreOptions) -> dict[str, Any]:
    config: dict[str, Any] = {}
    credentials = options.environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    token = options.environment.get("GOOGLE_ACCESS_TOKEN")
    if credentials:
        config["application_credentials"] = credentials
    if token:
        config["bearer_token"] = token
    if address.endpoint:
        config["base_url"] = address.endpoint
        if not credentials and not token:  # an emulator: any token will do, and Google's must not be asked for one
            config["bearer_token"] = "none"
    return config


def _azure(address: CloudAddress, options: StoreOptions) -> dict[str, Any]:
    environment = options.environment

    def variable(*names: str) -> str | None:
        return next((environment[name] for name in names if environment.get(name)), None)

    config: dict[str, Any] = {}
    for key, names in {
        "account_name": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_ACCOUNT_NAME"),
        "account_key": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_ACCOUNT_KEY"),
        "sas_key": ("AZURE_STORAGE_SAS_KEY", "AZURE_ACCOUNT_SAS"),
        "client_id": ("AZURE_STORAGE_CLIENT_ID", "AZURE_CLIENT_ID"),
        "client_secret": ("AZURE_STORAGE_CLIENT_SECRET", "AZURE_CLIENT_SECRET"),
        "tenant_id": ("AZURE_STORAGE_TENANT_ID", "AZURE_TENANT_ID"),
        "token": ("AZURE_STORAGE_TOKEN",),
    }.items():
        value = variable(*names)
        if value:
            config[key] = value
    if address.endpoint:
        config["endpoint"] = address.endpoint
    return config
