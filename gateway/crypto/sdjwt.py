# SPDX-License-Identifier: Apache-2.0
"""Certificates as SD-JWT (RFC 9901): sealed once, shown field by field, verified by anyone.

::

    <header>.<payload>.<signature>~<disclosure>~<disclosure>~

    header      {"alg":"ES256","typ":"dc+sd-jwt","kid":…}
    payload     {"iss":…,"iat":…,"vct":…,"as_of":…,"jti":…,"_sd":[…],"_sd_alg":"sha-256"}
    disclosure  base64url of [salt, name, value]

Rules:

1. Every field is a disclosure with its own 128-bit salt, so a narrow reply tells nothing about
   the fields that it leaves out. `_sd` is sorted: its order tells nothing either (§4.2.4.1).
2. ES256 wants r‖s (RFC 7518 §3.4), which is what a P-256 `Signer` makes.
3. There is no key binding: the token ends in `~` (§4).
4. `verify_sd_jwt` refuses every byte that `issue_sd_jwt` and `present_sd_jwt` would not have
   written: unknown members, another member order, padding, white space.
5. A certificate is kept for its next reply three quarters as large as it is written::

       content = signature[64] ‖ payload ‖ LF ‖ disclosure ‖ LF ‖ disclosure …

   Payload and disclosures are JSON without white space, in which no LF can stand; the header is the
   same for all that a key sealed, and is kept once.
"""

import secrets
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final, Literal, TypeVar

import msgspec

from gateway.crypto.digest import b64url_decode, b64url_encode, sha256
from gateway.crypto.keys import Signer, Verifier
from gateway.errors import SetupError, TrustError
from gateway.model.answer import Sealed
from gateway.model.certificate import Value
from gateway.model.discreet import Discreet

#: Names that no field may have: our own claims, RFC 9901 §4.1, and the claims that the SD-JWT VC
#: type forbids to be disclosed selectively.
RESERVED_NAMES: Final = frozenset(
    (
        *("iss", "iat", "vct", "as_of", "jti", "_sd", "_sd_alg", "..."),
        *("nbf", "exp", "cnf", "status", "vct#integrity"),
    )
)

_SALT_BYTES: Final = 16  # 128 bits, RFC 9901 §9.3
_ID_BYTES: Final = 16
_SIGNATURE_BYTES: Final = 64
_BETWEEN: Final = b"\n"

T = TypeVar("T")


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["ES256"]
    typ: Literal["dc+sd-jwt"]
    kid: str


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: str
    iat: int
    vct: str
    as_of: str
    jti: str
    sd: tuple[str, ...] = msgspec.field(name="_sd")
    sd_alg: Literal["sha-256"] = msgspec.field(name="_sd_alg")


class Unsealed(Discreet, msgspec.Struct, frozen=True):
    """What a verified token says.

    Attributes:
        issuer: URL of the gateway that sealed it.
        certificate: name of the certificate type (`vct`).
        keyid: the key that sealed it.
        id: unique for each sealing (`jti`).
        issued_at_s: UNIX seconds.
        as_of: RFC 3339 UTC; the instant for which the source vouches.
        fields: the disclosed values by name, and no other.
    """

    issuer: str
    certificate: str
    keyid: str
    id: str
    issued_at_s: int
    as_of: str
    fields: Mapping[str, Value]


_encode: Final = msgspec.json.Encoder().encode
_parse_header: Final = msgspec.json.Decoder(_Header).decode
_parse_payload: Final = msgspec.json.Decoder(_Payload).decode
_parse_disclosure: Final = msgspec.json.Decoder(tuple[str, str, Value]).decode


def issue_sd_jwt(
    signer: Signer,
    fields: Mapping[str, Value],
    *,
    issuer: str,
    certificate: str,
    issued_at_s: int,
    as_of: str,
) -> Sealed:
    """Seal fields so that each can be shown without the others.

    Args:
        signer: an `ecdsa-p256-sha256` key; its `keyid` becomes `kid`.
        fields: values by name; the disclosures keep this order.
        issuer: URL under which `/.well-known/jwks.json` holds the key.
        certificate: name of the certificate type.
        issued_at_s: UNIX seconds.
        as_of: RFC 3339 UTC, seconds.

    Raises:
        SetupError: a field has one of `RESERVED_NAMES`.
    """
    _refuse_reserved(fields, certificate)
    disclosures = [_conceal(name, value) for name, value in fields.items()]
    payload = _encode(
        _Payload(
            iss=issuer,
            iat=issued_at_s,
            vct=certificate,
            as_of=as_of,
            jti=b64url_encode(secrets.token_bytes(_ID_BYTES)),
            sd=tuple(sorted(_digest(b64url_encode(written)) for written in disclosures)),
            sd_alg="sha-256",
        )
    )
    head = b64url_encode(_encode(_Header(alg="ES256", typ="dc+sd-jwt", kid=signer.keyid)))
    signature = signer.sign(f"{head}.{b64url_encode(payload)}".encode("ascii"))
    return _pack(head, signature, (payload, *disclosures), tuple(fields), as_of)


def present_sd_jwt(sealed: Sealed, fields: Iterable[str]) -> str:
    """Write the token that shows these fields and no other.

    Raises:
        KeyError: a field is not in the sealed certificate; a programming error.
    """
    payload, shown = _unpack(sealed)
    signature = sealed.content[:_SIGNATURE_BYTES]
    jwt = f"{sealed.head}.{b64url_encode(payload)}.{b64url_encode(signature)}"
    return "~".join((jwt, *(b64url_encode(shown[name]) for name in fields), ""))


def reveal_fields(sealed: Sealed, fields: Iterable[str]) -> dict[str, Value]:
    """Read the values of these fields, as far as the certificate has them."""
    _, shown = _unpack(sealed)
    return {name: _parse_disclosure(shown[name])[2] for name in fields if name in shown}


def verify_sd_jwt(token: str, verifier_of: Callable[[str], Verifier | None]) -> Unsealed:
    """Verify a token and read what it discloses.

    Args:
        token: the compact form, with its trailing tilde.
        verifier_of: the `ecdsa-p256-sha256` key of a `kid`, None where it is not trusted.

    Raises:
        TrustError: RESPONSE_UNTRUSTED with the check that failed; the text holds no value.
    """
    jwt, *disclosures = token.split("~")
    if not disclosures or disclosures.pop():
        raise _untrusted("it does not end in `~`")
    header, payload = _verify_jwt(jwt, verifier_of)
    return Unsealed(
        issuer=payload.iss,
        certificate=payload.vct,
        keyid=header.kid,
        id=payload.jti,
        issued_at_s=payload.iat,
        as_of=payload.as_of,
        fields=_reveal(disclosures, payload.sd),
    )


def restore_sealed(token: str, unsealed: Unsealed) -> Sealed:
    """What `issue_sd_jwt` returned, from its token and what that says, verified."""
    jwt, *disclosures = token.split("~")[:-1]
    head, payload, signature = jwt.split(".")
    written = map(b64url_decode, (payload, *disclosures))
    return _pack(head, b64url_decode(signature), written, tuple(unsealed.fields), unsealed.as_of)


def _pack(
    head: str, signature: bytes, written: Iterable[bytes], names: tuple[str, ...], as_of: str
) -> Sealed:
    """Keep a certificate; `written` are its payload and its disclosures."""
    content = signature + _BETWEEN.join(written)
    return Sealed(sys.intern(head), content, _shared(names), sys.intern(as_of))


def _unpack(sealed: Sealed) -> tuple[bytes, dict[str, bytes]]:
    """The payload, and the disclosures by field name."""
    payload, *disclosures = sealed.content[_SIGNATURE_BYTES:].split(_BETWEEN)
    return payload, dict(zip(sealed.names, disclosures, strict=True))


@lru_cache(maxsize=1024)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """One object for equal names: certificates are kept by the million."""
    return names


def _refuse_reserved(names: Iterable[str], certificate: str) -> None:
    if taken := RESERVED_NAMES.intersection(names):
        raise SetupError(
            f"field `{min(taken)}` has the name of a claim",
            where=f"certificate type {certificate}",
            remedy="rename the field in the adapter",
        )


def _conceal(name: str, value: Value) -> bytes:
    return _encode((b64url_encode(secrets.token_bytes(_SALT_BYTES)), name, value))


def _digest(disclosure: str) -> str:
    return b64url_encode(sha256(disclosure.encode("ascii")))


def _verify_jwt(
    jwt: str, verifier_of: Callable[[str], Verifier | None]
) -> tuple[_Header, _Payload]:
    signed, _, signature = jwt.rpartition(".")
    first, _, second = signed.partition(".")
    header = _parse(first, _parse_header, "the header")
    verifier = verifier_of(header.kid)
    if verifier is None or verifier.algorithm != "ecdsa-p256-sha256":
        raise _untrusted("its key is not a trusted P-256 key")
    try:
        verifier.verify(b64url_decode(signature), signed.encode("ascii"))
    except (TrustError, ValueError):
        raise _untrusted("its signature does not verify") from None
    payload = _parse(second, _parse_payload, "the payload")
    if list(payload.sd) != sorted(set(payload.sd)):
        raise _untrusted("its digests are not sorted or not unique")
    return header, payload


def _reveal(disclosures: Iterable[str], digests: tuple[str, ...]) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    sealed = frozenset(digests)
    for encoded in disclosures:
        _, name, value = _parse(encoded, _parse_disclosure, "a disclosure")
        if _digest(encoded) not in sealed:
            raise _untrusted("a disclosure was not sealed with it")
        if name in fields or name in RESERVED_NAMES:
            raise _untrusted("a disclosed name is there twice or is reserved")
        fields[name] = value
    return fields


def _parse(segment: str, decode: Callable[[bytes], T], what: str) -> T:
    try:
        written = b64url_decode(segment)
        value = decode(written)
        exact = _encode(value) == written
    except (ValueError, msgspec.DecodeError):
        raise _untrusted(f"{what} cannot be read") from None
    if not exact:
        raise _untrusted(f"{what} is not in the one form that is issued")
    return value


def _untrusted(why: str) -> TrustError:
    return TrustError("RESPONSE_UNTRUSTED", f"sealed certificate: {why}")
