# SPDX-License-Identifier: Apache-2.0
"""The log over HTTP: checkpoint and tiles for everybody, entries and receipts for who may.

Rules:

1. Hashes tell nothing about anybody: every entry has a salt. They are public, and never change.
2. Entries are for auditors, a record is for the agency that it is of. Both are asked for by a
   signed request without content and recorded before a byte of it leaves; so is a refusal, once
   it is known who asks.
"""

import re
from typing import Final

import msgspec

from gateway.admission.auditors import AuditorDoor
from gateway.audit.acts import check_recordable
from gateway.audit.published import PublishedLog
from gateway.audit.receipt import make_receipt
from gateway.errors import RequestError, TrustError
from gateway.exchange.reply import JSON, Reply
from gateway.ports import Caller
from gateway.tlog.bundle import format_bundle
from gateway.tlog.tile import ENTRIES_LEVEL, Tile, format_tile_path, parse_tile_path
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder
from gateway.web.signed_reads import SignedReads, answer

TEXT: Final = "text/plain; charset=utf-8"
OCTETS: Final = "application/octet-stream"
LOG_FOLDER: Final = "/log/"
RECEIPTS_FOLDER: Final = "/v1/receipts/"
# Short of 15 digits, so that no ID number is ever taken for an index and recorded.
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,11}")


class LogPages:
    """Handlers of the front desk.

    Args:
        log: as published.
        auditors: finds the auditor that signed.
        reads: answers what is signed.
        responder: answers the rest.
    """

    def __init__(
        self,
        log: PublishedLog,
        *,
        auditors: AuditorDoor,
        reads: SignedReads,
        responder: Responder,
    ) -> None:
        self._log: Final = log
        self._auditors: Final = auditors
        self._reads: Final = reads
        self._responder: Final = responder

    async def checkpoint(self, _request: Request, _request_id: str) -> Answer:
        """`GET /log/checkpoint`: the newest signed note."""
        note = self._log.checkpoint()
        if note is None:
            raise RequestError("PATH_UNKNOWN", "the log is empty")
        return self._responder.publish(200, TEXT, note)

    async def tile(self, request: Request, request_id: str) -> Answer:
        """`GET /log/tile/…`: hashes, or for auditors entries."""
        tile = _tile_of(request.path.removeprefix(LOG_FOLDER))
        if tile.level == ENTRIES_LEVEL:
            return await self._bundle(request, request_id, tile)
        hashes = self._log.tile(tile)
        if hashes is None:
            raise RequestError("PATH_UNKNOWN", "the log does not reach so far yet")
        return self._responder.publish(200, OCTETS, hashes, immutable=True)

    async def receipt(self, request: Request, request_id: str) -> Answer:
        """`GET /v1/receipts/{index}`: a record and its proof, for the agency that it is of."""
        subject = request.target.removeprefix(RECEIPTS_FOLDER)
        if not _INDEX.fullmatch(subject):
            raise RequestError("PATH_UNKNOWN", "an index has up to 12 digits, and no query follows")

        def make(caller: Caller) -> tuple[Reply, int]:
            receipt = make_receipt(self._log, int(subject), caller.agency.id)
            return answer(JSON, msgspec.json.encode(receipt)), 1

        return await self._reads.reply_to_agency(request, request_id, "receipt", subject, make)

    async def _bundle(self, request: Request, request_id: str, tile: Tile) -> Answer:
        if "?" in request.target:
            raise RequestError("PATH_UNKNOWN", "no query follows")
        caller = self._auditors.identify(*self._reads.signed(request))
        check_recordable(caller.signature)

        def produce() -> tuple[Reply, int]:
            self._auditors.check_role(caller, "read")
            entries = self._log.bundle(tile)
            if entries is None:
                raise RequestError("RECORD_UNKNOWN", "the log does not reach so far yet")
            return answer(OCTETS, format_bundle(entries)), len(entries)

        return await self._reads.reply(
            caller, request_id, "entries", format_tile_path(tile), produce
        )


def _tile_of(path: str) -> Tile:
    try:
        return parse_tile_path(path)
    except TrustError:
        raise RequestError("PATH_UNKNOWN", "not the path of a tile") from None
