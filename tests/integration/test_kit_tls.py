# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS towards a department: both sides show who they are, or nothing is said."""

import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from gateway.errors import AdapterUnavailable, SetupError
from gateway.sdk import AdapterContext, Deadline
from gateway.sdk.kits.http_settings import HttpSettings, http_source
from gateway.sdk.kits.tls import client_tls
from tests.integration.tls_files import Authority

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Its server is `tls`, and we are `us`."""
    made = Authority(tmp_path_factory.mktemp("tls") / "ca")
    made.issue("us")
    return made


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("other") / "ca")
    made.issue("us")
    return made


@asynccontextmanager
async def department(authority: Authority) -> AsyncIterator[str]:
    """A server that answers only whom its authority knows."""

    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"code": "0"})

    context = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=authority.folder / "ca.crt"
    )
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(authority.folder / "tls.crt", authority.folder / "tls.key")
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def ask(url: str, trusted: Authority, own: Authority | None) -> dict[str, str]:
    tls = {"authorities": f"file:{trusted.folder}/ca.crt"}
    if own is not None:
        tls |= {"chain": f"file:{own.folder}/us.crt", "key": f"file:{own.folder}/us.key"}
    settings = msgspec.convert({"url": url, "tls": tls}, HttpSettings)
    source = http_source(settings, AdapterContext("desk", read))
    await source.open()
    try:
        return await source.call("POST", "/q", dict[str, str], Deadline.after(10), body={})
    finally:
        await source.aclose()


def read(reference: str) -> str:
    return Path(reference.removeprefix("file:")).read_text()


async def test_both_sides_show_who_they_are(authority: Authority) -> None:
    async with department(authority) as url:
        assert await ask(url, authority, authority) == {"code": "0"}


async def test_who_shows_nothing_or_something_else_is_told_nothing(
    authority: Authority, stranger: Authority
) -> None:
    async with department(authority) as url:
        for own in (None, stranger):
            with pytest.raises(AdapterUnavailable):
                await ask(url, authority, own)


async def test_a_department_that_cannot_show_who_it_is_is_asked_nothing(
    authority: Authority, stranger: Authority
) -> None:
    async with department(authority) as url:
        with pytest.raises(AdapterUnavailable):
            await ask(url, stranger, authority)


def test_a_key_of_another_certificate_is_refused_and_not_repeated(
    authority: Authority, stranger: Authority
) -> None:
    chain, key = authority.folder / "us.crt", stranger.folder / "us.key"
    with pytest.raises(SetupError) as caught:
        client_tls(chain=chain.read_text(), key=key.read_text())
    assert "PRIVATE" not in str(caught.value)


def test_a_key_with_a_password_is_refused_without_asking_anybody(authority: Authority) -> None:
    locked = subprocess.run(
        ["openssl", "pkey", "-in", authority.folder / "us.key", "-aes256", "-passout", "pass:hush"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    with pytest.raises(SetupError):
        client_tls(chain=(authority.folder / "us.crt").read_text(), key=locked)


@pytest.mark.parametrize("pem", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAA\n"])
def test_text_that_is_no_pem_is_refused(pem: str) -> None:
    with pytest.raises(SetupError):
        client_tls(authorities=pem)


def test_a_chain_without_its_key_is_refused(authority: Authority) -> None:
    with pytest.raises(SetupError, match="come together"):
        client_tls(chain=(authority.folder / "us.crt").read_text())
