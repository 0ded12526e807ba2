# SPDX-License-Identifier: Apache-2.0
"""TLS and mutual TLS at the public port, with X.509 certificates made as the how-to says."""

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from fixtures.world import AGENCY, World
from gateway.crypto.x509 import read_connection_x509
from gateway.errors import GatewayError
from tests.integration.test_cli import look_up, write_profile
from tests.integration.test_cli_agencies import run, until
from tests.integration.tls_files import HEADER_TIMEOUT_S, HOW_TO, SETTINGS, Authority, configure
from tests.integration.wire import (
    Draft,
    connect,
    log_entries,
    lookup_body,
    send,
    sign,
    verify_signed,
)


@pytest.fixture(scope="module")
def authority(short_folder: Path) -> Authority:
    made = Authority(short_folder / "pki")
    made.issue("other")
    return made


@pytest.fixture(scope="module")
def stranger(short_folder: Path) -> Authority:
    """An authority that the gateway does not know."""
    return Authority(short_folder / "pki-of-a-stranger")


@pytest.fixture(scope="module")
def secure(short_folder: Path, authority: Authority) -> Iterator[World]:
    folder = short_folder / "tls"
    folder.mkdir()
    own = World(folder, workers=2)
    authority.install(own.site)
    configure(own.site)
    with own:
        yield own


@pytest.fixture
def hasty(short_folder: Path, authority: Authority) -> Iterator[World]:
    """A gateway alone, without departments, that waits a second for hands to be shaken."""
    folder = short_folder / "hasty"
    folder.mkdir()
    own = World(folder)
    authority.install(own.site)
    configure(own.site, SETTINGS.replace(str(HEADER_TIMEOUT_S), "1.0"))
    own.start_gateway()
    yield own
    own.stop()


def signed(world: World, number: int = 0, **options: Any) -> Draft:
    citizen = world.citizen_with_account(number).id_number
    return sign(world, msgspec.json.encode(lookup_body(world, citizen)), **options)


def register(world: World, file: Path) -> None:
    assert run("agency", "x509", "add", AGENCY, file, "--site", world.site)[0] == 0


@pytest.fixture
def bound(secure: World, authority: Authority) -> Iterator[World]:
    """The agency may connect with its own X.509 certificate only."""
    file = secure.site / f"agencies/{AGENCY}.toml"
    before = file.read_text()
    register(secure, authority.folder / "agency.crt")
    until(lambda: answers(secure, authority) == {403})
    yield secure
    file.write_text(before)
    until(lambda: answers(secure, authority) == {200})


def answers(world: World, authority: Authority) -> set[int]:
    """What is answered without a certificate, over so many connections that each worker has one."""
    return {send(world, signed(world), authority.tls()).status for _ in range(16)}


async def test_a_client_gets_its_answer_over_tls(secure: World, authority: Authority) -> None:
    assert secure.url.startswith("https://")
    async with secure.client(tls=authority.tls()) as client:
        answer = await client.lookup(secure.request(secure.citizen_with_account().id_number))
    assert answer.answer.outcome == "found"


def test_the_command_trusts_and_presents_what_its_profile_names(
    bound: World, authority: Authority, tmp_path: Path
) -> None:
    citizen = bound.citizen_with_account(1)
    files = {
        "ca": authority.folder / "ca.crt",
        "x509": authority.folder / "agency.crt",
        "x509_key": authority.folder / "agency.key",
    }
    named = {name: str(file) for name, file in files.items()}
    codes = [
        look_up(write_profile(bound, tmp_path / "p.toml", **chosen), citizen).returncode
        for chosen in (
            named,
            {"ca": named["ca"]},  # refused
            {},  # untrusted authority: not reachable
            named | {"x509": named["ca"]},  # no pair
        )
    ]
    assert codes == [0, 1, 3, 78]


def test_a_body_too_large_is_answered_over_tls_as_well(secure: World, authority: Authority) -> None:
    draft = msgspec.structs.replace(signed(secure), body=b" " * 300_000)
    assert send(secure, draft, authority.tls()).document["code"] == "BODY_TOO_LARGE"


async def test_a_client_refuses_a_gateway_of_another_authority(
    secure: World, stranger: Authority
) -> None:
    async with secure.client(tls=stranger.tls()) as client:
        with pytest.raises(GatewayError, match="GATEWAY_UNREACHABLE"):
            await client.lookup(secure.request(secure.citizens[0].id_number))


def test_only_tls_1_3_and_http_1_1_are_spoken(secure: World, authority: Authority) -> None:
    tls = authority.tls()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    with connect(secure, tls) as sock:
        assert isinstance(sock, ssl.SSLSocket)
        assert (sock.version(), sock.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")
        assert sock.compression() is None
        assert sock.session is None or not sock.session.has_ticket
    old = authority.tls()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        connect(secure, old)


def test_plain_http_is_no_handshake(secure: World) -> None:
    with connect(secure) as sock:
        sock.sendall(signed(secure).encode())
        assert b"HTTP" not in read_to_end(sock)


def test_who_does_not_shake_hands_is_cut(hasty: World, authority: Authority) -> None:
    started = time.monotonic()
    with connect(hasty) as silent, connect(hasty) as halting:
        halting.sendall(b"\x16\x03\x01\x02")
        until(lambda: not gets_nothing(hasty, authority.tls()))  # on a busy machine, it is cut, too
        for sock in (silent, halting):
            read_to_end(sock)
            assert time.monotonic() - started < HEADER_TIMEOUT_S


def gets_nothing(world: World, tls: ssl.SSLContext) -> bool:
    """Whether a connection ends without an answer; in TLS 1.3 only reading tells the client."""
    try:
        return send(world, signed(world), tls).raw == b""
    except OSError:
        return True


def test_a_client_of_an_unknown_authority_is_refused(
    secure: World, authority: Authority, stranger: Authority
) -> None:
    unknown = stranger.tls("agency", ca=authority.folder / "ca.crt")
    why = "unable to get local issuer certificate"
    until(lambda: gets_nothing(secure, unknown) and why in secure.gateway.log.read_text())


def test_a_connection_has_to_be_the_agencys_and_refusals_are_recorded(
    bound: World, authority: Authority
) -> None:
    start = len(log_entries(bound))
    for name, words in (("other", "another one"), (None, "none")):
        draft = signed(bound)
        answer = send(bound, draft, authority.tls(name))
        problem = answer.document
        assert (answer.status, problem["code"]) == (403, "X509_NOT_OF_AGENCY")
        assert problem["detail"] == f"the connection presented {words}"
        verify_signed(bound, draft, answer)
    refused = log_entries(bound, start)
    assert [(e.agency, e.code) for e in refused] == [(AGENCY, "X509_NOT_OF_AGENCY")] * 2
    assert refused[0].decision.rule == "check.x509"
    assert send(bound, signed(bound), authority.tls("agency")).status == 200


def test_a_header_stands_for_no_connection(bound: World, authority: Authority) -> None:
    draft = signed(bound).with_fields(Client_Cert=":AAAA:")
    answer = send(bound, draft, authority.tls())
    assert answer.document["code"] == "HTTP_UNACCEPTABLE"


def test_x509_certificates_are_added_and_removed_by_command(
    bound: World, authority: Authority, tmp_path: Path
) -> None:
    at = ("--site", bound.site)
    der = tmp_path / "other.der"
    der.write_bytes(ssl.PEM_cert_to_DER_cert((authority.folder / "other.crt").read_text()))
    code, said = run("agency", "x509", "add", AGENCY, der, *at)
    sha256 = read_connection_x509((authority.folder / "other.crt").read_bytes()).sha256
    assert (code, said["x509_sha256"]) == (0, sha256)
    until(lambda: send(bound, signed(bound), authority.tls("other")).status == 200)
    assert run("agency", "x509", "remove", AGENCY, sha256, *at)[0] == 0
    until(lambda: send(bound, signed(bound), authority.tls("other")).status == 403)
    last, key = authority.folder / "agency.crt", authority.folder / "agency.key"
    ended = authority.issue("ended", days=0)
    assert run("agency", "x509", "remove", AGENCY, sha256, *at) == (1, "X509_UNUSABLE")
    assert run("agency", "x509", "remove", AGENCY, last, *at) == (1, "X509_UNUSABLE")
    assert run("agency", "x509", "add", AGENCY, ended, *at) == (1, "X509_UNUSABLE")
    assert run("agency", "x509", "add", AGENCY, HOW_TO, *at) == (1, "X509_UNUSABLE")
    assert run("agency", "x509", "add", AGENCY, key, *at) == (1, "KEY_PRIVATE")
    assert run("agency", "x509", "add", "nobody", last, *at) == (1, "AGENCY_UNKNOWN")


def test_renewal_by_signal_changes_new_connections_and_keeps_the_last_good_files(
    secure: World, authority: Authority
) -> None:
    renewed = authority.issue("renewed", "IP:127.0.0.1")
    want = ssl.PEM_cert_to_DER_cert(renewed.read_text())

    def shown() -> bytes | None:
        with connect(secure, authority.tls()) as sock:
            assert isinstance(sock, ssl.SSLSocket)
            return sock.getpeercert(binary_form=True)

    log = secure.gateway.log.read_text
    with connect(secure, authority.tls()) as old:
        authority.install(secure.site, "renewed")
        os.kill(secure.gateway.pid, signal.SIGHUP)
        until(lambda: log().count("TLS reloaded") == 3)
        assert {shown() for _ in range(8)} == {want}
        old.sendall(Draft("/healthz", {"Host": "a"}, method="GET").encode())
        assert old.recv(65536).startswith(b"HTTP/1.1 200")
    (secure.site / "keys/tls.key").write_text("no key")
    os.kill(secure.gateway.pid, signal.SIGHUP)
    until(lambda: log().count("TLS not reloaded") == 3)
    os.kill(secure.pids()["worker-1"], signal.SIGKILL)  # its successor has them, too
    until(lambda: log().count("process ended") > 0)
    assert {shown() for _ in range(8)} == {want}
    ready = Draft("/readyz", {"Host": "a"}, method="GET")
    dependencies = [
        send(secure, ready, authority.tls()).document["dependencies"]["tls"] for _ in range(8)
    ]
    assert set(dependencies) == {"stale"}
    authority.install(secure.site)
    os.kill(secure.gateway.pid, signal.SIGHUP)
    until(lambda: log().count("TLS reloaded") == 6)


def test_a_stop_answers_who_has_only_begun_to_connect(secure: World, authority: Authority) -> None:
    """Connections wait in the queue, shake hands, or ask: each gets its answer."""
    start = len(log_entries(secure))
    tls = authority.tls()
    shaking = [connect(secure) for _ in range(6)]
    asking = [connect(secure, tls) for _ in range(6)]
    for sock in asking:
        sock.sendall(signed(secure).encode())
    os.kill(secure.gateway.pid, signal.SIGTERM)
    host = urlsplit(secure.url).hostname
    finished = [tls.wrap_socket(sock, server_hostname=host) for sock in shaking]
    for sock in finished:
        sock.sendall(signed(secure).encode())
    answers = [read_to_end(sock) for sock in (*asking, *finished)]
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * 12
    assert secure.gateway.stop() == 0
    assert len(log_entries(secure, start)) == 12
    secure.start_gateway()


def read_to_end(sock: socket.socket) -> bytes:
    """Everything until the other side closes, however it does."""
    found = b""
    try:
        while part := sock.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    sock.close()
    return found


@pytest.fixture(scope="module")
def strict(secure: World) -> World:
    """Every client must present one; TLS 1.2 will do; the scheme's own port is not named."""
    secure.gateway.stop()
    configure(
        secure.site,
        SETTINGS + 'client_x509 = "required"\ntls_minimum = "1.2"\n'
        'authorities = ["gateway.example"]\n',
    )
    secure.start_gateway()
    return secure


@pytest.fixture
def registered(strict: World, authority: Authority) -> Iterator[World]:
    """`strict`, and the agency's X.509 certificate is registered."""
    file = strict.site / f"agencies/{AGENCY}.toml"
    before = file.read_text()
    register(strict, authority.folder / "agency.crt")
    until(lambda: asked_each(strict, authority) == {200})
    yield strict
    file.write_text(before)
    until(lambda: asked_each(strict, authority) == {403})


def test_without_an_x509_certificate_there_is_no_connection(
    strict: World, authority: Authority
) -> None:
    assert gets_nothing(strict, authority.tls())
    assert asked(strict, authority) == 403


def test_an_agency_without_registration_is_refused_where_one_is_required(
    strict: World, authority: Authority
) -> None:
    draft = signed(strict, fields={"Host": "gateway.example"})
    assert send(strict, draft, authority.tls("agency")).document["code"] == "X509_NOT_OF_AGENCY"


def asked(world: World, authority: Authority, host: str = "gateway.example") -> int:
    """Status of a request that is signed for the bare name and sent with this Host."""
    draft = signed(world, fields={"Host": "gateway.example"}).with_fields(Host=host)
    return send(world, draft, authority.tls("agency")).status


def asked_each(world: World, authority: Authority) -> set[int]:
    """The same over so many connections that each worker has one."""
    return {asked(world, authority) for _ in range(16)}


@pytest.mark.parametrize(
    ("host", "status"),
    [("gateway.example", 200), ("gateway.example:443", 200), ("gateway.example:80", 421)],
)
def test_the_port_of_https_is_no_part_of_the_authority(
    registered: World, authority: Authority, host: str, status: int
) -> None:
    assert asked(registered, authority, host) == status


def test_tls_1_2_is_spoken_where_configured_and_1_1_never(
    strict: World, authority: Authority
) -> None:
    older = authority.tls("agency")
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with connect(strict, older) as sock:
        assert isinstance(sock, ssl.SSLSocket)
        assert sock.version() == "TLSv1.2"
    ancient = [
        "openssl", "s_client", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0",
        "-connect", urlsplit(strict.url).netloc,
    ]  # fmt: skip

    def is_refused() -> bool:
        done = subprocess.run(ancient, input=b"", capture_output=True, check=False, timeout=30)
        assert b"Cipher is (NONE)" in done.stdout
        return "UNSUPPORTED_PROTOCOL" in strict.gateway.log.read_text()

    until(is_refused)
