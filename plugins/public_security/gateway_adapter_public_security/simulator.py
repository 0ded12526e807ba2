# SPDX-License-Identifier: Apache-2.0
"""A population register to try the adapter with: a real HTTP server over synthetic citizens.

It refuses calls that are not signed with the secret, or more than ten minutes old.
"""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.sdk import CertificateType
from gateway.sdk.kits.signin import NationalSignIn
from gateway.sdk.kits.simulator import read_records
from gateway.sdk.kits.simulator_http import (
    Answer,
    HttpSimulator,
    Options,
    json_answer,
    options,
)
from gateway_adapter_public_security.household import HOUSEHOLD
from gateway_adapter_public_security.identity import IDENTITY
from gateway_adapter_public_security.protocol import HEALTH_PATH, PATHS, Page, Reply, Request
from gateway_adapter_public_security.record import format_record

#: As the platform assigned them to the demo's gateway.
REQUESTER: Final = "demo-rid-001"
SERVICE: Final = "s_1400000000000_0001"
_BAD_PARAMETER: Final = "1"
_BAD_SIGNATURE: Final = "-5"

Records = Mapping[str, Mapping[str, str | None]]


class Register:
    """The service.

    Args:
        given: citizens, the secret and the like.
        households: everybody's row.
    """

    def __init__(self, given: Options, households: Iterable[dict[str, Any]]) -> None:
        dialect = NationalSignIn(REQUESTER, SERVICE, given.secret)
        self._http: Final = HttpSimulator(
            given, dialect, unsigned=lambda: json_answer(Reply(_BAD_SIGNATURE), status=401)
        )
        self._http.health(HEALTH_PATH, {"status": "ok"})
        for certificate, known in ((IDENTITY, given.records), (HOUSEHOLD, households)):
            self._serve(certificate, known)

    def _serve(self, certificate: CertificateType, known: Iterable[dict[str, Any]]) -> None:
        records = {fields["id_number"]: format_record(fields, certificate) for fields in known}
        self._http.answer(PATHS[certificate.name], lambda body: _answer(records, body))

    def run(self) -> None:
        """Serve until told to stop."""
        self._http.run()


def _answer(records: Records, body: bytes) -> Answer:
    try:
        question = msgspec.json.decode(body, type=Request)
    except msgspec.DecodeError:
        return json_answer(Reply(_BAD_PARAMETER), status=400)
    record = records.get(question.params.condition.GMSFHM)
    if record is None:
        return json_answer(Reply("0", Page(0)))
    items = {code: record.get(code) for code in question.params.required_items}
    return json_answer(Reply("0", Page(1, (items,))))


def main() -> None:
    """`python -m gateway_adapter_public_security.simulator`."""
    parser = argparse.ArgumentParser(description="A simulated population register.")
    parser.add_argument("--households", type=Path, help="JSON array of household rows")
    given, own = options(parser, "--citizens")
    Register(given, read_records(own.households) if own.households else ()).run()


if __name__ == "__main__":
    main()
