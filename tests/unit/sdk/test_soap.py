# SPDX-License-Identifier: Apache-2.0
"""A department over SOAP: what is an answer, what is a fault, and what XML may not do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
)
from gateway.sdk import Deadline
from gateway.sdk.kits.http import HttpSource
from gateway.sdk.kits.soap import SoapSource, Version, element, parse_xml, text_of

NUMBER = "140302190001010017"
SPACE = "urn:department"
ANSWER = f"{{{SPACE}}}answer"
ENVELOPES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
Reply = tuple[int, bytes]


def envelope(body: str, version: Version = "1.1", head: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>{head}<s:Envelope xmlns:s="{ENVELOPES[version]}">'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


GOOD = f'<answer xmlns="{SPACE}"><name>测试甲</name></answer>'


def fault(code: str) -> str:
    return f"<s:Fault><faultcode>s:{code}</faultcode><faultstring>{NUMBER}</faultstring></s:Fault>"


def fault_12(code: str, subcode: str = "") -> str:
    inner = f"<s:Subcode><s:Value>m:{subcode}</s:Value></s:Subcode>" if subcode else ""
    return (
        f"<s:Fault><s:Code><s:Value>s:{code}</s:Value>{inner}</s:Code>"
        f"<s:Reason><s:Text>{NUMBER}</s:Text></s:Reason></s:Fault>"
    )


@asynccontextmanager
async def service(
    reply: Reply,
    seen: list[tuple[web.BaseRequest, bytes]] | None = None,
    *,
    version: Version = "1.1",
) -> AsyncIterator[SoapSource]:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if seen is not None:
            seen.append((request, await request.read()))
        return web.Response(status=reply[0], body=reply[1], content_type="text/xml")

    def own(code: str) -> DepartmentError | None:
        return AdapterRefused(f"SOAP fault {code}") if code == "Client.NoRight" else None

    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    http = HttpSource(f"http://127.0.0.1:{runner.addresses[0][1]}", max_answer_bytes=1 << 16)
    source = SoapSource(http, "/soap", version=version, faults=own)
    await source.open()
    try:
        yield source
    finally:
        await source.aclose()
        await runner.cleanup()


async def ask(source: SoapSource) -> str | None:
    request = element(f"{{{SPACE}}}question", {"number": NUMBER})
    answer = await source.call("urn:ask", request, ANSWER, Deadline.after(10))
    return text_of(answer, "name")


async def failure(reply: Reply, *, version: Version = "1.1") -> DepartmentError:
    async with service(reply, version=version) as source:
        with pytest.raises(DepartmentError) as caught:
            await ask(source)
    error = caught.value
    assert NUMBER not in f"{error} {error!r} {error.cause}"
    assert error.__cause__ is None
    return error


@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_an_answer_is_the_element_that_was_asked_for(version: Version) -> None:
    async with service((200, envelope(GOOD, version)), version=version) as source:
        assert await ask(source) == "测试甲"


async def test_a_question_goes_in_an_envelope_with_its_action() -> None:
    seen: list[tuple[web.BaseRequest, bytes]] = []
    async with service((200, envelope(GOOD)), seen) as source:
        await ask(source)
    [(request, body)] = seen
    assert request.headers["SOAPAction"] == '"urn:ask"'
    assert request.content_type == "text/xml"
    sent = parse_xml(body)
    number = sent.find(f"{{{ENVELOPES['1.1']}}}Body/{{{SPACE}}}question/{{{SPACE}}}number")
    assert number is not None
    assert number.text == NUMBER
    assert NUMBER not in request.path_qs


async def test_soap_1_2_names_its_action_in_the_content_type() -> None:
    seen: list[tuple[web.BaseRequest, bytes]] = []
    async with service((200, envelope(GOOD, "1.2")), seen, version="1.2") as source:
        await ask(source)
    assert seen[0][0].headers["Content-Type"].startswith("application/soap+xml")
    assert 'action="urn:ask"' in seen[0][0].headers["Content-Type"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Server", AdapterUnavailable),
        ("Server.Busy", AdapterUnavailable),
        ("Client", AdapterContractBroken),
        ("Client.NoRight", AdapterRefused),
        ("VersionMismatch", AdapterContractBroken),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
async def test_a_fault_is_a_failure_by_its_code(
    code: str, kind: type[DepartmentError], status: int
) -> None:
    error = await failure((status, envelope(fault(code))))
    assert type(error) is kind
    assert error.cause == f"SOAP fault {code}"


@pytest.mark.parametrize(
    ("body", "kind", "cause"),
    [
        (fault_12("Receiver"), AdapterUnavailable, "SOAP fault Receiver"),
        (fault_12("Sender"), AdapterContractBroken, "SOAP fault Sender"),
        (fault_12("Sender", "Client.NoRight"), AdapterRefused, "SOAP fault Client.NoRight"),
    ],
)
async def test_a_fault_of_1_2_is_told_by_its_innermost_code(
    body: str, kind: type[DepartmentError], cause: str
) -> None:
    error = await failure((400, envelope(body, "1.2")), version="1.2")
    assert (type(error), error.cause) == (kind, cause)


async def test_a_code_that_is_no_code_is_not_repeated() -> None:
    error = await failure((500, envelope(fault(f"no row for {NUMBER}"))))
    assert error.cause == "SOAP fault"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>maintenance",
        envelope(""),
        envelope(GOOD + GOOD),
        envelope(GOOD.replace("answer", "other")),
        envelope(GOOD.replace(SPACE, "urn:other")),
        envelope(GOOD, "1.2"),
        envelope(GOOD).replace(b"Envelope", b"Letter"),
        envelope(GOOD.replace("<name>", "<name><b/>")),
        envelope(f'<answer xmlns="{SPACE}"><name>a</name><name>b</name></answer>'),
        b"<a>" * 300 + b"</a>" * 300,
        envelope(GOOD)[:-9],
    ],
)
async def test_anything_else_is_a_breach(content: bytes) -> None:
    assert isinstance(await failure((200, content)), AdapterContractBroken)


@pytest.mark.parametrize("page", [b"", b"<!DOCTYPE html><html><body>maintenance"])
async def test_a_server_that_errs_below_its_service_is_unavailable(page: bytes) -> None:
    error = await failure((500, page))
    assert (type(error), error.cause) == (AdapterUnavailable, "HTTP 500")


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE a>",
        '<!DOCTYPE a [<!ENTITY x "y">]>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        (
            '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
            '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
        ),
    ],
)
async def test_a_doctype_is_refused_wherever_it_leads(doctype: str) -> None:
    error = await failure((200, envelope(GOOD, head=doctype)))
    assert isinstance(error, AdapterContractBroken)
    assert error.cause == "the answer has a DOCTYPE"


def test_an_entity_is_not_expanded() -> None:
    with pytest.raises(AdapterContractBroken):
        parse_xml(b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')
    with pytest.raises(AdapterContractBroken):
        parse_xml(b"<a>&x;</a>")


async def test_an_answer_that_is_too_large_is_a_breach() -> None:
    big = envelope(GOOD.replace("测试甲", "x" * (1 << 16)))
    assert isinstance(await failure((200, big)), AdapterContractBroken)


async def test_statuses_are_those_of_the_http_kit() -> None:
    assert isinstance(await failure((503, b"")), AdapterUnavailable)
    assert isinstance(await failure((403, b"")), AdapterRefused)
    assert isinstance(await failure((404, envelope(GOOD))), AdapterContractBroken)


async def test_the_deadline_is_kept() -> None:
    async with service((200, envelope(GOOD))) as source:
        with pytest.raises(AdapterTimeout):
            await source.call("urn:ask", element("q", {}), ANSWER, Deadline.after(0))


_XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])).filter(
    lambda text: not {"\ufffe", "\uffff"} & set(text)
)


@given(_XML_TEXT)
def test_no_value_ends_its_element(text: str) -> None:
    from lxml import etree

    made = etree.tostring(element(f"{{{SPACE}}}question", {"name": text}), encoding="utf-8")
    parsed = parse_xml(made)
    assert [child.tag for child in parsed] == [f"{{{SPACE}}}name"]
    assert (text_of(parsed, "name") or "") == text.strip()


@pytest.mark.parametrize("content", ["<name/>", "<name></name>", "<name> </name>", ""])
def test_an_empty_text_is_none(content: str) -> None:
    assert text_of(parse_xml(f'<a xmlns="{SPACE}">{content}</a>'.encode()), "name") is None
