# SPDX-License-Identifier: Apache-2.0
"""The log over HTTP: checkpoint and tiles for everybody, entries and receipts for who may.

Rules:

1. Hashes tell nothing about anybody: every entry has a salt. They are public, and never change.
2. Entries are for auditors, a record is for the agency that it is of. Both are asked for by a
   signed request without content and recorded before a byte of it leaves; so is a refusal, once
   it is known who asks.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from gateway.admission.auditors import AuditorDoor
from gateway.audit.acts import SignedActs, check_recordable
from gateway.audit.published import PublishedLog
from gateway.audit.receipt import make_receipt
from gateway.crypto.digest import sha256
from gateway.errors import AuditError, GatewayError, RequestError, TrustError
from gateway.exchange.access import check_limit, check_x509
from gateway.exchange.reply import JSON, Refused, Reply, problem_reply
from gateway.httpsig import SignedRequest
from gateway.model.act import Action
from gateway.model.limits import Allowance
from gateway.ports import Caller, RateLimits
from gateway.sdk import Deadline
from gateway.tlog.bundle import format_bundle
from gateway.tlog.tile import ENTRIES_LEVEL, Tile, format_tile_path, parse_tile_path
from gateway.web.edge import signed_view, x509_of
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder

TEXT: Final = "text/plain; charset=utf-8"
OCTETS: Final = "application/octet-stream"
LOG_FOLDER: Final = "/log/"
RECEIPTS_FOLDER: Final = "/v1/receipts/"
# Short of 15 digits, so that no ID number is ever taken for an index and recorded.
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,11}")

Identify = Callable[[SignedRequest, bytes, str, str | None], Caller]
#: Makes what was asked for, and says how many records that are.
Produce = Callable[[], tuple[Reply, int]]


class LogPages:
    """Handlers of the front desk.

    Args:
        log: as published.
        identify: finds the agency that signed.
        auditors: finds the auditor that signed.
        acts: where what is read is recorded.
        limits: of agencies; shared with lookups.
        x509_required: agencies that registered no X.509 certificate are refused as well.
        deadline_s: from the door to the answer.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        log: PublishedLog,
        *,
        identify: Identify,
        auditors: AuditorDoor,
        acts: SignedActs,
        limits: RateLimits,
        responder: Responder,
        x509_required: bool,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._log: Final = log
        self._identify: Final = identify
        self._auditors: Final = auditors
        self._acts: Final = acts
        self._limits: Final = limits
        self._responder: Final = responder
        self._x509_required: Final = x509_required
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port

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
        caller = self._identify(*self._signed(request))
        check_recordable(caller.signature)
        limits: list[Allowance] = []

        def produce() -> tuple[Reply, int]:
            check_x509(caller, required=self._x509_required)
            if limit := self._limits.take_agency(caller.agency):
                limits.append(limit)
                check_limit(limit)
            receipt = make_receipt(self._log, int(subject), caller.agency.id)
            return _answer(JSON, msgspec.json.encode(receipt)), 1

        return await self._reply(caller, request_id, "receipt", subject, produce, limits=limits)

    async def _bundle(self, request: Request, request_id: str, tile: Tile) -> Answer:
        if "?" in request.target:
            raise RequestError("PATH_UNKNOWN", "no query follows")
        signed, _, address, x509_sha256 = self._signed(request)
        caller = self._auditors.identify(signed, address, x509_sha256)
        check_recordable(caller.signature)

        def produce() -> tuple[Reply, int]:
            self._auditors.check_role(caller, "read")
            entries = self._log.bundle(tile)
            if entries is None:
                raise RequestError("RECORD_UNKNOWN", "the log does not reach so far yet")
            return _answer(OCTETS, format_bundle(entries)), len(entries)

        return await self._reply(caller, request_id, "entries", format_tile_path(tile), produce)

    def _signed(self, request: Request) -> tuple[SignedRequest, bytes, str, str | None]:
        """What a door asks of a request without content."""
        if _has_content(request):
            raise RequestError("HTTP_UNACCEPTABLE", "a request for this resource has no content")
        signed = signed_view(request, default_port=self._default_port)
        return signed, b"", request.address, x509_of(request)

    async def _reply(
        self,
        caller: Caller,
        request_id: str,
        action: Action,
        subject: str,
        produce: Produce,
        *,
        limits: Sequence[Allowance] = (),
    ) -> Answer:
        """Record what is answered, then answer it; with what `produce` noted of limits."""
        deadline = Deadline.after(self._deadline_s)
        count = code = None
        try:
            try:
                reply, count = produce()
            except (RequestError, TrustError) as error:
                reply, code = _problem(error, request_id), error.code
            index = await self._acts.record(
                caller, action, deadline, subject=subject, count=count, code=code
            )
            if index is None:
                reply = _problem(RequestError("NONCE_REPLAYED"), request_id)
                index = await self._acts.record_replay(caller, action, deadline, subject=subject)
            reply = msgspec.structs.replace(reply, index=index, limits=tuple(limits))
        except AuditError as error:  # no record, no answer
            reply = _problem(error, request_id)
        return self._responder.respond(reply, caller.signature)


def _has_content(request: Request) -> bool:
    return bool(request.content_length or "transfer-encoding" in request.fields)


def _tile_of(path: str) -> Tile:
    try:
        return parse_tile_path(path)
    except TrustError:
        raise RequestError("PATH_UNKNOWN", "not the path of a tile") from None


def _answer(content_type: str, body: bytes) -> Reply:
    return Reply(200, content_type, body, sha256(body), "found")


def _problem(error: GatewayError, request_id: str) -> Reply:
    return problem_reply(Refused.because(error), request_id)
