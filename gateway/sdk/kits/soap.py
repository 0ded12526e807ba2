# SPDX-License-Identifier: Apache-2.0
"""A department that answers SOAP over HTTP, versions 1.1 and 1.2.

Rules:

1. Nothing in an answer is fetched, expanded or looked up: a DOCTYPE is refused wherever it stands,
   entities are not resolved, and the parser has no network.
2. The size of an answer is bounded (`HttpSource`), and so is the depth of its elements: 256, the
   parser's own limit.
3. An answer is an `Envelope` of the version that was asked in, with one element in its `Body`;
   anything else is a breach of contract, or under status 500 a server that is down.
4. A fault is a failure, never *not found*: `Receiver` (1.1: `Server`) is `AdapterUnavailable`,
   everything else `AdapterContractBroken`, unless the department's table of fault codes says
   otherwise. The fault's text may quote the record, so it goes nowhere; its code does.
5. What is sent is built as elements, so no value can end one.

Time-outs, retries, sign-in and HTTP statuses are those of `gateway.sdk.kits.http`.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal

from lxml import etree

from gateway.errors import AdapterContractBroken, AdapterUnavailable, DepartmentError
from gateway.sdk.adapter import Deadline
from gateway.sdk.kits.http import HttpSource

Version = Literal["1.1", "1.2"]
#: Makes the error that a fault code of the department's own means; None leaves it to rule 4.
FaultTable = Callable[[str], DepartmentError | None]

_NAMESPACES: Final[Mapping[Version, str]] = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
#: Where SOAP 1.1 §6.2 and SOAP 1.2 part 2 §7.5 let a fault stand.
_SERVER_ERROR: Final = 500
_FAULT_STATUSES: Final = (400, _SERVER_ERROR)
_MAX_CODE: Final = 64


class SoapSource:
    """A department's SOAP service.

    Args:
        http: the connection, not opened; this class opens and closes it.
        path: of the endpoint, appended to the base.
        version: of SOAP.
        faults: the department's own fault codes.
    """

    def __init__(
        self,
        http: HttpSource,
        path: str,
        *,
        version: Version = "1.1",
        faults: FaultTable | None = None,
    ) -> None:
        self._http: Final = http
        self._path: Final = path
        self._version: Final[Version] = version
        self._faults: Final = faults

    async def open(self) -> None:
        """Make the session; connects to nothing."""
        await self._http.open()

    async def aclose(self) -> None:
        """Close all connections; also without `open`."""
        await self._http.aclose()

    async def call(
        self,
        action: str,
        request: etree._Element,
        answer: str,
        deadline: Deadline,
        *,
        idempotent: bool = False,
    ) -> etree._Element:
        """Call one operation.

        Args:
            action: `SOAPAction` of 1.1, `action` of 1.2; a URI without quotes.
            request: the one element of the request's body; `element` makes it.
            answer: qualified name (`{namespace}local`) of the one element that answers it.
            deadline: for everything.
            idempotent: asking twice does no harm, so a failure may be tried again.

        Returns:
            The answer's element.

        Raises:
            DepartmentError: by the table of the HTTP kit and the rules above.
        """

        def decode(status: int, content: bytes) -> etree._Element:
            try:
                said = _said(content, self._version)
            except AdapterContractBroken:
                if status == _SERVER_ERROR:  # its own page, from below the service
                    raise AdapterUnavailable(f"HTTP {status}") from None
                raise
            return _answer(said, answer, self._version, self._faults)

        return await self._http.exchange(
            "POST",
            self._path,
            decode,
            deadline,
            body=_envelope(request, self._version),
            headers=_headers(action, self._version),
            idempotent=idempotent,
            statuses=_FAULT_STATUSES,
        )


def element(name: str, texts: Mapping[str, str]) -> etree._Element:
    """An element with one child for each text, all in the element's namespace."""
    made = etree.Element(name)
    namespace = etree.QName(name).namespace
    for child, text in texts.items():
        etree.SubElement(made, etree.QName(namespace, child)).text = text
    return made


def text_of(parent: etree._Element, child: str) -> str | None:
    """Text of a child in the parent's namespace, trimmed; None when absent, nil or empty.

    Raises:
        AdapterContractBroken: the child stands there twice, or holds elements.
    """
    name = etree.QName(etree.QName(parent).namespace, child)
    found = parent.findall(name.text)
    if len(found) > 1 or (found and len(found[0])):
        raise AdapterContractBroken("a text of the answer is not one text")
    return ((found[0].text or "").strip() or None) if found else None


def parse_xml(content: bytes) -> etree._Element:
    """Parse a document from outside.

    Raises:
        AdapterContractBroken: not XML, nested too deeply, or with a DOCTYPE.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise AdapterContractBroken("the answer is not XML") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise AdapterContractBroken("the answer has a DOCTYPE")
    return root


def _headers(action: str, version: Version) -> dict[str, str]:
    if version == "1.1":
        return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
    return {"Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"'}


def _envelope(request: etree._Element, version: Version) -> bytes:
    namespace = _NAMESPACES[version]
    envelope = etree.Element(f"{{{namespace}}}Envelope", nsmap={"soap": namespace})
    etree.SubElement(envelope, f"{{{namespace}}}Body").append(request)
    return etree.tostring(envelope, encoding="utf-8", xml_declaration=True)


def _said(content: bytes, version: Version) -> etree._Element:
    namespace = _NAMESPACES[version]
    root = parse_xml(content)
    body = root.find(f"{{{namespace}}}Body")
    if root.tag != f"{{{namespace}}}Envelope" or body is None or len(body) != 1:
        raise AdapterContractBroken(f"not a SOAP {version} envelope with one answer")
    return body[0]


def _answer(
    said: etree._Element, answer: str, version: Version, faults: FaultTable | None
) -> etree._Element:
    if said.tag == f"{{{_NAMESPACES[version]}}}Fault":
        raise _failure(_fault_code(said, version), faults)
    if said.tag != answer:
        raise AdapterContractBroken("the answer is another element than was asked for")
    return said


def _fault_code(fault: etree._Element, version: Version) -> str:
    """The most specific code, without its prefix; a subcode of 1.2 says more than the code."""
    if version == "1.1":
        code = fault.findtext("faultcode") or ""
    else:
        values = fault.findall(f".//{{{_NAMESPACES['1.2']}}}Value")
        code = (values[-1].text or "") if values else ""
    return code.rpartition(":")[2].strip()


def _failure(code: str, faults: FaultTable | None) -> DepartmentError:
    own = faults(code) if faults is not None else None
    if own is not None:
        return own
    readable = code.isascii() and code.replace(".", "").isalpha() and len(code) <= _MAX_CODE
    cause = f"SOAP fault {code}" if readable else "SOAP fault"
    if code.partition(".")[0] in {"Server", "Receiver"}:
        return AdapterUnavailable(cause)
    return AdapterContractBroken(cause)
