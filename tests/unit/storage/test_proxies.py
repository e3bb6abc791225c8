"""Which proxy is used for which server: Go's rules."""

from __future__ import annotations

import pytest

from strongroom.base.errors import ConfigurationError
from strongroom.storage.http.endpoint import Endpoint
from strongroom.storage.http.proxies import Proxy, proxy_for


def _for(host: str, environment: dict[str, str], port: int = 0, *, tls: bool = False) -> Proxy | None:
    return proxy_for(Endpoint(tls, host, port or (443 if tls else 80), None, host), environment)


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "used"),
    [
        ("", "example.com", 80, True),
        ("", "localhost", 80, False),
        ("", "127.0.0.1", 80, False),
        ("", "127.0.0.2", 8000, False),
        ("", "::1", 80, False),
        ("", "::ffff:127.0.0.1", 80, False),
        ("*", "example.com", 80, False),
        ("example.com", "example.com", 80, False),
        ("example.com", "EXAMPLE.com", 80, False),
        ("example.com", "www.example.com", 80, False),
        ("example.com", "notexample.com", 80, True),
        (".example.com", "example.com", 80, True),
        (".example.com", "www.example.com", 80, False),
        ("*.example.com", "www.example.com", 80, False),
        ("*.example.com", "example.com", 80, True),
        ("example.com:8080", "example.com", 80, True),
        ("example.com:8080", "example.com", 8080, False),
        ("192.0.2.0/24", "192.0.2.7", 80, False),
        ("192.0.2.0/24", "192.0.3.7", 80, True),
        ("192.0.2.5/24", "192.0.2.7", 80, False),
        ("2001:db8::/32", "2001:db8::7", 80, False),
        ("192.0.2.7", "192.0.2.7", 80, False),
        ("192.0.2.7:8080", "192.0.2.7", 80, True),
        ("[2001:db8::7]:80", "2001:db8::7", 80, False),
        ("2001:DB8:0::7", "2001:db8::7", 80, False),
        (" a.test , ,b.test", "b.test", 80, False),
        (":80", "example.com", 80, True),
        ("bücher.example", "xn--bcher-kva.example", 80, False),
    ],
)
def test_no_proxy_excepts_what_it_excepts_in_go(no_proxy: str, host: str, port: int, used: bool) -> None:
    """Networks, addresses, hosts and what is below them, ports; and this machine always."""
    found = _for(host, {"HTTP_PROXY": "http://proxy.test:3128", "NO_PROXY": no_proxy}, port)
    assert (found is not None) == used


def test_the_upper_case_variable_comes_first_and_an_empty_one_is_none() -> None:
    """As in Go; the scheme of the server decides which pair of variables counts."""
    both = {"HTTP_PROXY": "http://upper.test:1", "http_proxy": "http://lower.test:2", "HTTPS_PROXY": "http://tls.test"}
    upper = _for("example.com", both)
    assert upper is not None
    assert (upper.host, upper.port) == ("upper.test", 1)
    lower = _for("example.com", {**both, "HTTP_PROXY": ""})
    assert lower is not None
    assert lower.host == "lower.test"
    secure = _for("example.com", both, tls=True)
    assert secure is not None
    assert (secure.host, secure.port) == ("tls.test", 80)
    assert _for("example.com", {"NO_PROXY": "", "no_proxy": "example.com", "HTTP_PROXY": "http://p.test"}) is None


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port"),
    [
        ("proxy.test:3128", "http", "proxy.test", 3128),
        ("proxy.test", "http", "proxy.test", 80),
        ("192.0.2.1:8080", "http", "192.0.2.1", 8080),
        ("socks5://proxy.test", "socks5", "proxy.test", 1080),
        ("socks5h://proxy.test:9050", "socks5h", "proxy.test", 9050),
        ("https://proxy.test", "https", "proxy.test", 443),
        ("HTTP://[2001:db8::1]:3128", "http", "2001:db8::1", 3128),
    ],
)
def test_proxies_are_written_in_all_of_gos_ways(text: str, scheme: str, host: str, port: int) -> None:
    """Without a scheme it is HTTP; each kind has its port."""
    found = _for("example.com", {"HTTP_PROXY": text})
    assert found is not None
    assert (found.scheme, found.host, found.port) == (scheme, host, port)


def test_within_cgi_the_variable_that_a_request_sets_is_not_believed() -> None:
    """HTTP_PROXY with REQUEST_METHOD is refused; HTTPS_PROXY, which no request can set, is not."""
    with pytest.raises(ConfigurationError, match="CGI"):
        _for("example.com", {"HTTP_PROXY": "http://evil.test", "REQUEST_METHOD": "GET"})
    assert _for("example.com", {"HTTPS_PROXY": "http://proxy.test", "REQUEST_METHOD": "GET"}, tls=True) is not None


def test_no_credentials_are_shown() -> None:
    """Neither in what an error names, nor in ``repr``; an unknown kind of proxy names its variable alone."""
    found = _for("example.com", {"HTTP_PROXY": "http://ann:geheim@proxy.test:3128"})
    assert found is not None
    assert (found.username, found.password) == ("ann", "geheim")
    assert "geheim" not in found.shown + repr(found)
    with pytest.raises(ConfigurationError) as unknown:
        _for("example.com", {"HTTP_PROXY": "ftp://ann:geheim@proxy.test:3128"})
    assert "geheim" not in str(unknown.value)
