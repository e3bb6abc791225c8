"""What obstore says of a store that cannot be reached, in our words."""

from __future__ import annotations

import pytest
from obstore import exceptions

from strongroom.base.errors import Refused, StoreError, Unavailable
from strongroom.storage.cloud.store import store_error

ASKED = (
    "Generic GCS error: Error performing token request: Error performing GET http://169.254.169.254/computeMetadata/v1/"
    "instance/service-accounts/default/token?audience=x in 1.7ms - Server returned non-2xx status code: {}"
)


@pytest.mark.parametrize(
    ("answer", "expected"), [("403 Forbidden", Refused), ("404 Not Found", Refused), ("503 Busy", Unavailable)]
)
def test_nobody_who_gives_credentials_is_told_in_words(answer: str, expected: type[StoreError]) -> None:
    """Without credentials a machine's metadata service is asked: its no is final, its silence is not."""
    found = store_error(exceptions.GenericError(ASKED.format(answer)), "gs://bucket/keys")
    assert type(found) is expected
    assert "no credentials are given" in found.what
    assert "GOOGLE_APPLICATION_CREDENTIALS" in found.hint
    assert "169.254" not in str(found)
