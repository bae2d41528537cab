"""A webhook that works, and those that do not: nothing waits for long, no URL is in an error."""

from __future__ import annotations

import socket
import time

import pytest
from orchestrator.errors import Undelivered
from orchestrator.notices import destination, posting
from orchestrator.notices.destination import Destination, is_public, public_address
from orchestrator.notices.posting import Patience

from .conftest import HOST, SECRET

QUICK = Patience(seconds=0.3, pauses=(0.0, 0.0))


def post(hook, patience=QUICK, resolve=lambda _: "127.0.0.1"):
    posting.post(Destination.of(hook.url), b'{"a": 1}', patience, resolve)


def refused(hook, **more):
    with pytest.raises(Undelivered) as refusal:
        post(hook, **more)
    assert SECRET not in f"{refusal.value!r} {refusal.value.__cause__!r}"
    return str(refusal.value)


def test_the_document_is_posted_once_with_path_and_query(hook, trusted):
    post(hook)

    [(path, headers, body)] = hook.heard
    assert path == f"/services/{SECRET}?a=1"
    assert (headers["Host"], headers["Content-Type"]) == (
        f"{HOST}:{hook.port}",
        "application/json",
    )
    assert body == b'{"a": 1}'


@pytest.mark.parametrize("status", [200, 202, 204])
def test_every_2xx_is_a_success(hook, trusted, status):
    hook.answers = [status]

    post(hook)

    assert len(hook.heard) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_webhook_is_tried_again(hook, trusted, status):
    hook.answers = [status, status, 200]

    post(hook)

    assert len(hook.heard) == 3


@pytest.mark.parametrize("status", [429, 500])
def test_after_three_attempts_it_is_given_up(hook, trusted, status):
    hook.answers = [status]

    reason = refused(hook)

    assert reason == f"{HOST} did not take the notice in 3 attempts: it answers {status}"
    assert len(hook.heard) == 3


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (302, "redirects are not followed"),
        (400, "lamplighter notify --webhook"),
        (404, "lamplighter notify --webhook"),
    ],
)
def test_what_stays_refused_is_tried_once_with_a_remedy(hook, trusted, status, remedy):
    hook.answers = [status]

    reason = refused(hook)

    assert f"it answers {status}" in reason
    assert remedy in reason
    assert len(hook.heard) == 1


def test_a_webhook_that_hangs_costs_its_attempts_and_no_more(hook, trusted):
    hook.answers = [None]
    began = time.monotonic()

    reason = refused(hook)

    assert "3 attempts" in reason
    assert len(hook.heard) == 3
    assert 0.9 <= time.monotonic() - began < 3


def test_a_webhook_that_drips_its_answer_is_cut_off(hook, trusted):
    hook.drips = 0.05  # of 100 bytes and more
    began = time.monotonic()

    refused(hook)

    assert time.monotonic() - began < 3


def test_one_that_takes_the_connection_and_is_silent_is_cut_off(trusted):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://{HOST}:{server.getsockname()[1]}/{SECRET}"
        began = time.monotonic()
        with pytest.raises(Undelivered, match="3 attempts"):
            posting.post(Destination.of(url), b"{}", QUICK, lambda _: "127.0.0.1")

    assert time.monotonic() - began < 3


def test_a_closed_port_is_named(hook, trusted):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(Undelivered, match="3 attempts: it refuses connections"):
        posting.post(Destination.of(f"https://{HOST}:{port}/"), b"{}", QUICK, lambda _: "127.0.0.1")


def test_a_certificate_that_is_not_trusted_gets_nothing(hook):
    assert "has no valid certificate" in refused(hook)
    assert hook.heard == []


def test_a_certificate_of_another_host_gets_nothing(hook, trusted):
    other = hook.url.replace(HOST, "hooks.slack.com")

    with pytest.raises(Undelivered, match="has no valid certificate"):
        posting.post(Destination.of(other), b"{}", QUICK, lambda _: "127.0.0.1")

    assert hook.heard == []


def test_the_attempts_fit_into_the_functions_limit(template):
    usual, limit = Patience(), template["Resources"]["WebhookFunction"]["Properties"]["Timeout"]

    assert len(usual.pauses) == 2
    assert 3 * usual.seconds + sum(usual.pauses) <= 18 < limit <= 20


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://hooks.slack.com/x",
        "https://",
        "https:///x",
        "ftp://a/b",
        "https://user@hooks.slack.com/x",
        "https://user:planted@hooks.slack.com/x",
        "https://hooks.slack.com:99999/x",
        "https://hooks.slack.com/planted x",
        "https://hooks.slack.com/planted\r\nHost: a",
        "https://hooks.slack.com/plänted",
        f"https://a/{'x' * 3000}",
    ],
)
def test_what_is_no_plain_https_url_is_refused_and_not_repeated(url):
    with pytest.raises(Undelivered) as refusal:
        Destination.of(url)

    assert str(refusal.value).startswith("the webhook's URL does not read https://HOST/...: set")
    assert "planted" not in str(refusal.value)


def test_the_path_is_in_no_repr():
    assert SECRET not in repr(Destination.of(f"https://{HOST}/{SECRET}"))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a00:1::1"),
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["3.5.140.1", "2606:4700::6810:84e5", "::ffff:3.5.140.1"])
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "169.254.169.254", "[::1]", "[fd00:ec2::254]", "localhost"),
        *("2130706433", "0x7f.1", "127.1", "[::ffff:169.254.169.254]"),
    ],
)
def test_a_url_into_a_private_network_is_refused_without_a_connection(host, monkeypatch):
    def connected(*_, **__):
        pytest.fail("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", connected)

    with pytest.raises(Undelivered, match="which is no public address: set another"):
        posting.post(Destination.of(f"https://{host}/latest/meta-data"), b"{}", QUICK)


def found(*addresses):
    kinds = {True: socket.AF_INET6, False: socket.AF_INET}
    return [(kinds[":" in a], socket.SOCK_STREAM, 6, "", (a, 443)) for a in addresses]


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    monkeypatch.setattr(
        destination.socket, "getaddrinfo", lambda *_, **__: found("3.5.140.1", "10.0.0.1")
    )

    with pytest.raises(Undelivered, match=r"leads to 10\.0\.0\.1"):
        public_address(Destination.of(f"https://{HOST}/"))


def test_the_address_that_was_judged_is_the_one_that_is_connected_to(monkeypatch):
    """The name leads into the network after it was looked at: DNS rebinding."""
    answers = [found("3.5.140.1"), found("169.254.169.254")]
    connected = []

    def connect(address, **_):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(destination.socket, "getaddrinfo", lambda *_, **__: answers.pop(0))
    monkeypatch.setattr(socket, "create_connection", connect)

    with pytest.raises(Undelivered, match="no public address"):
        posting.post(Destination.of(f"https://{HOST}/"), b"{}", QUICK)

    assert connected == [("3.5.140.1", 443)]


def test_a_name_without_an_address_is_asked_for_again(monkeypatch):
    asked = []

    def unknown(*about, **_):
        asked.append(about)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(destination.socket, "getaddrinfo", unknown)

    with pytest.raises(Undelivered, match="3 attempts: it does not answer"):
        posting.post(Destination.of(f"https://{HOST}/{SECRET}"), b"{}", QUICK)
    assert len(asked) == 3
