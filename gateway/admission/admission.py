# SPDX-License-Identifier: Apache-2.0
"""Who is asking: from a signed request to the agency that signed it.

Checks run in the order of `gateway.errors.CHECKS` and the first that fails is the one reported.
Only when all have passed is the caller *identified*; whether its nonce is new is decided
afterwards by the sequencer, together with the record.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from gateway.crypto.digest import sha256
from gateway.crypto.keys import Verifier, load_verifier
from gateway.errors import GatewayError, RequestError, SetupError, TrustError
from gateway.httpsig import (
    RequestSignature,
    SignedRequest,
    parse_request_signature,
    required_components,
    signature_base,
    verify_content_digest,
)
from gateway.model.agency import Agency, AgencyKey
from gateway.ports import Caller, Examined

#: Digits of an ID number, also when parted.
_LONG_NUMBER: Final = re.compile(r"(?:[0-9][-_.]{0,2}){15}")


class KeyRecord(msgspec.Struct, frozen=True):
    """A registered key, ready to verify."""

    agency: Agency
    verifier: Verifier
    algorithm: str
    not_before_s: float
    not_after_s: float


class ExaminedRequest(Examined):
    """A caller who is identified once this signature holds; nobody sees him before."""

    __slots__ = ("_base", "_caller", "_verifier")

    def __init__(self, caller: Caller, verifier: Verifier, base: bytes) -> None:
        self._caller: Final = caller
        self._verifier: Final = verifier
        self._base: Final = base

    def verify(self) -> Caller:
        """Verify the signature.

        Raises:
            RequestError: SIGNATURE_INVALID.
        """
        try:
            self._verifier.verify(self._caller.signature.value, self._base)
        except TrustError as error:
            raise RequestError("SIGNATURE_INVALID", error.detail) from None
        return self._caller


RecordsOf = Callable[[Agency], Mapping[str, KeyRecord]]


def key_records(agency: Agency) -> dict[str, KeyRecord]:
    """Examine the keys of one agency, by key id.

    Raises:
        SetupError: a key that cannot be used.
    """
    return {key.id: _key_record(agency, key) for key in agency.keys}


def _refuse_number(signature: RequestSignature) -> None:
    """Keep ID numbers out of the record, which repeats the signature's parameters in clear.

    A nonce made of the number and a counter is a habit of clients. It is refused before anybody is
    identified, so nothing of it is recorded. No random nonce has so many digits in a row. Beyond
    what the profile asks for, components bear names of the caller's choice.
    """
    if _LONG_NUMBER.search(signature.nonce):
        raise RequestError(
            "SIGNATURE_MALFORMED", "the nonce holds 15 digits or more in a row: use a random one"
        )
    is_extra = len(signature.components) > len(required_components(signature.request))
    if is_extra and _LONG_NUMBER.search(signature.listed):
        raise RequestError(
            "SIGNATURE_MALFORMED", "a covered component is named by 15 digits or more in a row"
        )


def _key_record(agency: Agency, key: AgencyKey) -> KeyRecord:
    try:
        verifier = load_verifier(key.public, key.algorithm)
    except GatewayError as error:
        raise SetupError(
            error.detail or error.refusal.title.en,
            where=f"agencies/{agency.id}.toml: key `{key.id}`",
            remedy="register a P-256 or Ed25519 public key in PEM with its algorithm.",
        ) from None
    return KeyRecord(
        agency,
        verifier,
        key.algorithm,
        float("inf") if key.revoked else _seconds(key.not_before, float("-inf")),
        _seconds(key.not_after, float("inf")),
    )


def _seconds(at: datetime | None, default: float) -> float:
    return default if at is None else at.timestamp()


class Admission:
    """The registered agencies, and the door.

    Args:
        agencies: of the site.
        authorities: host names by which this gateway is known, lower case, default port removed.
        clock_window_s: largest |now - created| in seconds.
        clock: UNIX seconds.
        records_of: reads an agency's keys; whoever has read them already hands them over.

    Raises:
        SetupError: a key that cannot be used.
    """

    def __init__(
        self,
        agencies: Iterable[Agency],
        *,
        authorities: Iterable[str],
        clock_window_s: int,
        clock: Callable[[], float],
        records_of: RecordsOf = key_records,
    ) -> None:
        self._keys: Final = {
            keyid: record for agency in agencies for keyid, record in records_of(agency).items()
        }
        self._authorities: Final = frozenset(authorities)
        self._window_s: Final = clock_window_s
        self._clock: Final = clock

    def identify(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None = None
    ) -> Caller:
        """Examine a request, and verify its signature.

        Raises:
            RequestError: one code for each check of `signature_input` to `signature`.
        """
        return self.examine(request, body, address, x509_sha256).verify()

    def examine(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None = None
    ) -> "ExaminedRequest":
        """Do every check of who is asking but the last, which is the signature's.

        The connection's X.509 certificate is handed on: whether it is the agency's is decided
        where a refusal is recorded.

        Raises:
            RequestError: one code for each check of `signature_input` to `digest`.
        """
        signature = parse_request_signature(request)
        _refuse_number(signature)
        if request.authority not in self._authorities:
            raise RequestError("AUTHORITY_UNKNOWN")
        now_s = self._clock()
        record = self._good_record(signature, now_s)
        self._check_time(signature.created, signature.expires, now_s)
        return _examined(record, signature, body, address, x509_sha256)

    def recall(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None = None
    ) -> Caller:
        """Who signed a request that was identified before and kept since, if they still may ask.

        Its time has passed and its nonce is used: neither is asked about. Everything else is
        decided anew, by the agency as it is registered now.

        Raises:
            RequestError: KEY_UNKNOWN, KEY_INACTIVE, AGENCY_INACTIVE, or one of what was kept, which
                is not what was signed.
        """
        signature = parse_request_signature(request)
        record = self._good_record(signature, self._clock())
        return _examined(record, signature, body, address, x509_sha256).verify()

    def _good_record(self, signature: RequestSignature, now_s: float) -> KeyRecord:
        """The key that a signature names, if it may be used now."""
        record = self._keys.get(signature.keyid)
        if record is None:
            raise RequestError("KEY_UNKNOWN")
        if not record.not_before_s <= now_s <= record.not_after_s:
            raise RequestError("KEY_INACTIVE")
        if signature.alg not in (None, record.algorithm):
            raise RequestError("KEY_INACTIVE", "`alg` is not the algorithm of the registered key")
        if not record.agency.active:
            raise RequestError("AGENCY_INACTIVE")
        return record

    def _check_time(self, created: int, expires: int | None, now_s: float) -> None:
        skew_s = now_s - created
        if abs(skew_s) > self._window_s:
            where = "past" if skew_s > 0 else "future"
            raise RequestError(
                "TIMESTAMP_EXPIRED",
                f"`created` lies {abs(skew_s):.0f} s in the {where}, of at most {self._window_s} s",
            )
        if expires is not None and expires < now_s:
            raise RequestError("TIMESTAMP_EXPIRED", "`expires` has passed")


def _examined(
    record: KeyRecord,
    signature: RequestSignature,
    body: bytes,
    address: str,
    x509_sha256: str | None,
) -> ExaminedRequest:
    request = signature.request
    stated = request.lines("content-digest")
    digest = verify_content_digest(stated, body) if request.has_body or stated else sha256(body)
    caller = Caller(record.agency, signature, digest, address, x509_sha256)
    return ExaminedRequest(caller, record.verifier, signature_base(signature))
