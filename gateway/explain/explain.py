# SPDX-License-Identifier: Apache-2.0
"""From a capture to the cause: which check fails, why, and where two signature bases part."""

from typing import Final

import msgspec

from gateway.crypto.keys import Verifier
from gateway.errors import TrustError
from gateway.explain.base import suspect_bases, suspect_values
from gateway.explain.capture import Capture
from gateway.explain.causes import CAUSES, Cause
from gateway.explain.digest import suspect_digest
from gateway.explain.fields import classify_absence, suspect_fields
from gateway.explain.inspect import Failure, Key, Rules, inspect, passes_further
from gateway.httpsig import RequestSignature, signature_base

_MILLISECONDS_FROM: Final = 100_000_000_000
_ZONE_STEP_S: Final = 1800
_ZONES: Final = 28
_ZONE_ERROR_S: Final = 60
_CAUSE_OF_LINE: Final = {
    '"@method"': "method-case",
    '"@authority"': "authority-other",
    '"@path"': "path-rewritten",
    '"@query"': "target-reencoded",
    '"@signature-params"': "parameters-rewritten",
}


class Difference(msgspec.Struct, frozen=True):
    """Where the base that the gateway builds and the one that was signed part.

    Attributes:
        at_byte: the first byte that differs, from 0.
        line: its line, from 1.
        column: its column, from 1.
        gateway: that line as the gateway builds it.
        signed: that line as it was signed.
    """

    at_byte: int
    line: int
    column: int
    gateway: str
    signed: str


class Report(msgspec.Struct, frozen=True):
    """What is wrong with a request.

    Attributes:
        check: the first that fails; empty when all pass.
        code: with which the gateway refuses it; empty when it would not.
        detail: what the check says.
        cause: the mistake, where one could be named.
        checks: each with passed, failed or not_reached.
        signature_base: as the gateway builds it, where the request has one.
        difference: from the base that was signed, where that one is known.
    """

    check: str
    code: str
    detail: str
    cause: Cause | None
    checks: tuple[tuple[str, str], ...]
    signature_base: str | None
    difference: Difference | None


def explain(capture: Capture, rules: Rules, *, their_base: bytes | None = None) -> Report:
    """Find out why a request is refused.

    Args:
        their_base: the signature base as the client built it, where it can show it.
    """
    failure = inspect(capture, rules)
    if failure is None:
        return Report("", "", "", None, _checks(rules, None), None, None)
    if their_base is not None:
        # Editors add it. Whether it was signed is among the suspicions, and the key decides.
        their_base = their_base.removesuffix(b"\n")
    cause, signed = _find(capture, rules, failure, their_base)
    base = signature_base(failure.signature) if failure.signature else None
    shown = signed if signed is not None else their_base
    return Report(
        check=failure.error.refusal.check,
        code=failure.error.code,
        detail=failure.error.detail or failure.error.refusal.title.en,
        cause=CAUSES[cause] if cause else None,
        checks=_checks(rules, failure),
        signature_base=base.decode("ascii") if base is not None else None,
        difference=compare_bases(base, shown) if base is not None and shown is not None else None,
    )


def compare_bases(gateway: bytes, signed: bytes) -> Difference | None:
    """Find the first byte in which two bases differ; None when they are equal."""
    if gateway == signed:
        return None
    pairs = zip(gateway, signed, strict=False)
    shorter = min(len(gateway), len(signed))
    at = next((at for at, (ours, theirs) in enumerate(pairs) if ours != theirs), shorter)
    start = gateway.rfind(b"\n", 0, at) + 1
    return Difference(
        at_byte=at,
        line=gateway.count(b"\n", 0, at) + 1,
        column=at - start + 1,
        gateway=_line(gateway, start),
        signed=_line(signed, start),
    )


def _line(base: bytes, start: int) -> str:
    end = base.find(b"\n", start)
    line = base[start:] if end < 0 else base[start : end + 1]
    return line.decode("ascii", "backslashreplace").replace("\r", "\\r").replace("\n", "\\n")


def _checks(rules: Rules, failure: Failure | None) -> tuple[tuple[str, str], ...]:
    at = rules.checks.index(failure.error.refusal.check) if failure else len(rules.checks)
    return tuple(
        (name, "passed" if i < at else "failed" if i == at else "not_reached")
        for i, name in enumerate(rules.checks)
    )


def _find(
    capture: Capture, rules: Rules, failure: Failure, their_base: bytes | None
) -> tuple[str | None, bytes | None]:
    """The id of the cause, and the base that was signed where a suspicion proved right."""
    match failure.error.refusal.check:
        case "signature_input":
            return _unreadable_cause(capture, rules, failure), None
        case "coverage":
            return classify_absence(capture), None
        case "digest":
            return suspect_digest(capture), None
        case "signature":
            assert failure.signature is not None
            return _signature_cause(capture, rules, failure.signature, their_base)
        case "created":
            assert failure.signature is not None
            return _time_cause(failure.signature, rules), None
        case _:
            assert failure.signature is not None
            return _admission_cause(failure.error.code, capture, rules, failure.signature), None


def _unreadable_cause(capture: Capture, rules: Rules, failure: Failure) -> str | None:
    if not capture.lines("signature-input") or not capture.lines("signature"):
        return "signature-missing"
    for cause, mended in suspect_fields(capture):
        if passes_further(mended, rules, failure):
            return cause
    return None


def _admission_cause(code: str, capture: Capture, rules: Rules, signature: RequestSignature) -> str:
    match code:
        case "AUTHORITY_UNKNOWN":
            same_host = _host(capture.host) in map(_host, rules.authorities)
            return "authority-port" if same_host else "authority-other"
        case "KEY_UNKNOWN":
            return "key-unknown"
        case "AGENCY_INACTIVE":
            return "agency-disabled"
        case _:
            is_valid = _key(signature, rules).is_valid(rules.at_s)
            return "alg-wrong" if is_valid else "key-inactive"


def _key(signature: RequestSignature, rules: Rules) -> Key:
    """The registered key of a request that came far enough to have one."""
    key = rules.key_of(signature.keyid)
    assert key is not None
    return key


def _host(authority: str) -> str:
    return authority.lower().rpartition("]")[0] or authority.lower().partition(":")[0]


def _time_cause(signature: RequestSignature, rules: Rules) -> str:
    if signature.created >= _MILLISECONDS_FROM:
        return "created-milliseconds"
    skew_s = abs((rules.at_s or 0) - signature.created)
    if skew_s <= rules.window_s:
        return "expires-passed"
    steps = round(skew_s / _ZONE_STEP_S)
    is_zone = 0 < steps <= _ZONES and abs(skew_s - steps * _ZONE_STEP_S) <= _ZONE_ERROR_S
    return "clock-time-zone" if is_zone else "clock-off"


def _signature_cause(
    capture: Capture, rules: Rules, signature: RequestSignature, their_base: bytes | None
) -> tuple[str | None, bytes | None]:
    base = signature_base(signature)
    registered = _key(signature, rules).verifier
    values = tuple(suspect_values(signature))
    for cause, value in values:
        if _verifies(registered, value, base):
            return cause, None
    tried = (signature.value, *(value for _, value in values))
    for other in rules.others:
        if any(_verifies(other, value, base) for value in tried):
            return "key-other", None
    for cause, suspected in suspect_bases(capture, signature, rules.authorities):
        if any(_verifies(registered, value, suspected) for value in tried):
            return cause, suspected
    if their_base is not None and (difference := compare_bases(base, their_base)):
        return _cause_of(difference), their_base
    return None, None


def _cause_of(difference: Difference) -> str:
    name = difference.gateway.partition(": ")[0]
    if difference.signed.partition(": ")[0] != name:
        return "components-order"
    return _CAUSE_OF_LINE.get(name, "field-rewritten")


def _verifies(verifier: Verifier, value: bytes, base: bytes) -> bool:
    try:
        verifier.verify(value, base)
    except TrustError:
        return False
    return True
