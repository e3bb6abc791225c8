"""A URL in fleet.toml that names no port is refused with the words that were written, not as a fault."""

from __future__ import annotations

import pytest

from strongroom.base.errors import ConfigurationError
from strongroom.cli.fleet.shared import listening_of


@pytest.mark.parametrize("url", ["https://fleet:99999", "https://fleet:-1", "https://[::1", "https://fleet:8o40"])
def test_a_url_without_a_port_that_can_be_is_told(url: str) -> None:
    """Also those that a person wrote into the file."""
    with pytest.raises(ConfigurationError, match="not a URL"):
        listening_of({"url": url})


def test_where_a_server_listens() -> None:
    """On the URL's port, ours where it names none, or where the file says."""
    assert listening_of({"url": "https://fleet"}) == ("", 8040)
    assert listening_of({"url": "https://[::1]:9000"}) == ("", 9000)
    assert listening_of({"url": "https://fleet", "listen": "[::1]:7"}) == ("::1", 7)
