# SPDX-License-Identifier: Apache-2.0
"""An insurance centre to try the adapter with: a real SOAP server over synthetic citizens."""

import argparse
from typing import Any, Final

from aiohttp import web
from lxml import etree

from gateway.sdk import AdapterContractBroken
from gateway.sdk.kits.signin import MunicipalSignIn
from gateway.sdk.kits.simulator_http import Answer, HttpSimulator, Options, options
from gateway.sdk.kits.soap import element, parse_xml, text_of
from gateway_adapter_social_insurance.adapter import NAMESPACE, PATH
from gateway_adapter_social_insurance.enrollment import ORIGINS

#: As the municipal gateway assigned it to the demo's gateway.
APP: Final = "yizheng-demo"
_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"


class Centre:
    """The service."""

    def __init__(self, given: Options) -> None:
        self._records: Final = {record["id_number"]: record for record in given.records}
        dialect = MunicipalSignIn(APP, given.secret)
        self._http: Final = HttpSimulator(
            given, dialect, unsigned=lambda: _fault("Client.NotAuthorized")
        )
        self._http.answer(PATH, self._answer)

    def run(self) -> None:
        """Serve until told to stop."""
        self._http.run()

    def _answer(self, body: bytes) -> Answer:
        try:
            said = parse_xml(body)
            question = said.findall(f"{{{_SOAP}}}Body/*")[0]
        except (AdapterContractBroken, IndexError):
            return _fault("Client")
        if question.tag == f"{{{NAMESPACE}}}ping":
            return _reply(element(f"{{{NAMESPACE}}}pingResponse", {}))
        record = self._records.get(text_of(question, "AAC002") or "")
        answer = element(
            f"{{{NAMESPACE}}}queryEnrollmentResponse", {"total": "0" if record is None else "1"}
        )
        if record is not None:
            answer.append(element(f"{{{NAMESPACE}}}record", format_enrollment(record)))
        return _reply(answer)


def format_enrollment(record: dict[str, Any]) -> dict[str, str]:
    """Elements as the centre writes them."""
    return {
        origin.source: str(record[name]).replace("-", "" if origin.form else "-")
        for name, origin in ORIGINS.items()
        if record[name] is not None
    }


def _reply(answer: etree._Element, status: int = 200) -> Answer:
    envelope = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soap": _SOAP})
    etree.SubElement(envelope, f"{{{_SOAP}}}Body").append(answer)
    content = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
    return web.Response(body=content, status=status, content_type="text/xml", charset="utf-8")


def _fault(code: str) -> Answer:
    fault = etree.Element(f"{{{_SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = f"soap:{code}"
    etree.SubElement(fault, "faultstring").text = code
    return _reply(fault, 500)


def main() -> None:
    """`python -m gateway_adapter_social_insurance.simulator`."""
    parser = argparse.ArgumentParser(description="A simulated social insurance centre.")
    given, _ = options(parser)
    Centre(given).run()


if __name__ == "__main__":
    main()
