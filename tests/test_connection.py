"""Which proxies are believed, whose browser a request comes from, and what the System page says about it."""

from __future__ import annotations

import pytest

from core.errors import UserError
from core.system.connection import Connection, examine, parse_address, parse_trusted_proxies, resolve

PROXIES = "10.0.0.5, 10.1.0.0/16 fd00::5;fd01::/32"


def resolved(peer: str, **headers: str) -> Connection:
    named = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return resolve(peer, "http", {"host": ["inside:7860"], **named}, parse_trusted_proxies(PROXIES))


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.5", True),
        ("::ffff:10.0.0.5", True),
        ("10.1.255.255", True),
        ("fd00::5", True),
        ("FD00:0::5", True),
        ("fd01::9%eth0", True),
        ("127.0.0.2", False),
        ("10.0.0.6", False),
        ("10.2.0.1", False),
        ("fd00::6", False),
        ("testclient", False),
        ("", False),
    ],
)
def test_only_loopback_and_the_proxies_of_the_setting_are_believed(peer: str, trusted: bool) -> None:
    connection = resolved(peer, x_forwarded_for="203.0.113.7", x_forwarded_proto="https", x_forwarded_host="a.example")
    assert connection.via_proxy is trusted
    if trusted:
        assert (connection.client, connection.scheme, connection.host) == ("203.0.113.7", "https", "a.example")
    else:
        assert (connection.scheme, connection.host) == ("http", "inside:7860")
        assert connection.client in (peer, str(parse_address(peer)))


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("127.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:5012", "203.0.113.7"),
        ("[2001:db8::7]:5012, 10.0.0.5", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("10.1.0.9, 10.1.0.8", "10.1.0.9"),
        ("203.0.113.7, unknown", "10.0.0.5"),
        ("203.0.113.7, evil\r\nline", "10.0.0.5"),
        ("203.0.113.7, garbage, 10.1.2.3", "10.1.2.3"),
        ("", "10.0.0.5"),
        (",,,", "10.0.0.5"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours(chain: str, client: str) -> None:
    assert resolved("10.0.0.5", x_forwarded_for=chain).client == client


def test_several_headers_are_one_list() -> None:
    headers = {"host": ["a"], "x-forwarded-for": ["1.1.1.1", "203.0.113.7", "10.1.0.1"]}
    assert resolve("10.0.0.5", "http", headers, parse_trusted_proxies(PROXIES)).client == "203.0.113.7"


@pytest.mark.parametrize(
    ("chain", "proto", "scheme"),
    [
        ("203.0.113.7", "https", "https"),
        ("203.0.113.7", "HTTPS", "https"),
        ("203.0.113.7", "http, https", "https"),
        ("203.0.113.7", "https, http", "http"),
        ("203.0.113.7, 10.1.0.1", "https, http", "https"),
        ("203.0.113.7, 10.1.0.1", "https", "https"),
        ("1.1.1.1, 203.0.113.7, 10.1.0.1", "http, https, http", "https"),
        ("", "https", "https"),
        ("203.0.113.7", "gopher", "http"),
        ("203.0.113.7", "", "http"),
    ],
)
def test_the_scheme_is_told_by_the_proxy_next_to_the_browser(chain: str, proto: str, scheme: str) -> None:
    assert resolved("10.0.0.5", x_forwarded_for=chain, x_forwarded_proto=proto).scheme == scheme


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("proxy.example.org", "server.trusted_proxy"),
        ("10.0.0.300", "server.trusted_proxy"),
        ("10.0.0.0/33", "server.trusted_proxy"),
        ("10.0.0.1-10.0.0.9", "server.trusted_proxy"),
        ("*", "server.trusted_proxy"),
        ("10.0.0.5, nginx", "server.trusted_proxy"),
        ("10.0.0.5/24", "server.trusted_network"),
        ("fd00::5/64", "server.trusted_network"),
        ("0.0.0.0/0", "server.trusted_everyone"),
        ("::/0", "server.trusted_everyone"),
        ("::ffff:0.0.0.0/96", "server.trusted_everyone"),
    ],
)
def test_a_setting_that_names_no_proxy_is_refused_with_the_entry(setting: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_trusted_proxies(setting)
    assert caught.value.code == code
    assert caught.value.values["entry"] in setting
    assert caught.value.hint


@pytest.mark.parametrize(
    ("connection", "origin", "expected"),
    [
        (Connection("10.0.0.9", "10.0.0.9", "http", "h", ("h",)), "http://h", ["direct"]),
        (Connection("127.0.0.1", "127.0.0.1", "http", "[::1]:7860", ("h",)), "http://[::1]:7860", ["direct"]),
        (
            Connection("10.0.0.5", "10.0.0.5", "http", "h", ("h",), (), frozenset({"x-forwarded-proto"})),
            "https://h",
            ["proxy_untrusted"],
        ),
        (
            Connection("10.0.0.5", "203.0.113.7", "https", "h", ("h",), (), frozenset({"x-forwarded-for"}), True),
            "https://h",
            ["proxied_https"],
        ),
        (
            Connection("10.0.0.5", "203.0.113.7", "http", "h", ("h",), (), frozenset({"x-forwarded-for"}), True),
            "http://h",
            ["proxied"],
        ),
        (
            Connection("10.0.0.5", "203.0.113.7", "http", "h", ("h",), (), frozenset({"x-forwarded-for"}), True),
            "https://h",
            ["https_unseen"],
        ),
        (
            Connection("127.0.0.1", "127.0.0.1", "https", "h", ("h",), (), frozenset({"x-forwarded-proto"}), True),
            "https://h",
            ["client_unseen"],
        ),
        (
            Connection("127.0.0.1", "127.0.0.1", "http", "home.example", ("h",), (), frozenset(), True),
            "https://home.example",
            ["https_unseen", "client_unseen"],
        ),
    ],
)
def test_what_is_amiss_with_the_way_here_is_told(connection: Connection, origin: str, expected: list[str]) -> None:
    assert [finding.key for finding in examine(connection, origin, "")] == expected


@pytest.mark.parametrize(
    ("setting", "peer", "line"),
    [
        ("", "10.0.0.5", "10.0.0.5"),
        ("fd00::5, ", "::ffff:10.0.0.5", "fd00::5,10.0.0.5"),
        ("10.1.0.0/16", "fe80::9%eth0", "10.1.0.0/16,fe80::9"),
    ],
)
def test_the_line_that_is_told_is_a_setting_that_helps(setting: str, peer: str, line: str) -> None:
    connection = Connection(peer, peer, "http", "h", ("h",), (), frozenset({"x-forwarded-for"}))
    (finding,) = examine(connection, "", setting)
    assert finding.values["line"] == line
    headers = {"host": ["h"], "x-forwarded-for": ["203.0.113.7"]}
    assert resolve(peer, "http", headers, parse_trusted_proxies(line)).via_proxy
