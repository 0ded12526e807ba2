# SPDX-License-Identifier: Apache-2.0
"""Seal a department's answer once, under the key of its adapter; show it in parts (RFC 9901).

1. One key an adapter: a token says which department's adapter answered.
2. Only a key that `jwks()` publishes may seal. A replaced key stays published, since what it
   sealed must verify for years.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from gateway.crypto.keys import Signer, Verifier, load_verifier, public_jwk
from gateway.crypto.sdjwt import (
    issue_sd_jwt,
    present_sd_jwt,
    restore_sealed,
    reveal_fields,
    verify_sd_jwt,
)
from gateway.errors import RequestError, SetupError, TrustError
from gateway.model.answer import Found, Sealed
from gateway.model.certificate import CertificateType, Value
from gateway.model.instant import format_time_s
from gateway.ports import Sealer

_PROBE: Final = b"yizheng sealing key probe"


class DepartmentSealer(Sealer):
    """Seals under one key an adapter.

    Args:
        signers: P-256 signers by adapter name.
        public_keys: public PEM by key id: that of each signer, and of every key used before.
        issuer: URL under which `/.well-known/jwks.json` is served.
        clock: the aware instant of now.

    Raises:
        SetupError: a key is not P-256, or a signer's key is not among the public ones.
    """

    def __init__(
        self,
        signers: Mapping[str, Signer],
        public_keys: Mapping[str, str],
        *,
        issuer: str,
        clock: Callable[[], datetime],
    ) -> None:
        verifiers = {keyid: _load_p256(keyid, pem) for keyid, pem in public_keys.items()}
        for adapter, signer in signers.items():
            _require_published(adapter, signer, verifiers)
        self._signers: Final = dict(signers)
        self._verifiers: Final = verifiers
        self._jwks: Final = [public_jwk(pem, keyid) for keyid, pem in public_keys.items()]
        self._issuer: Final = issuer
        self._clock: Final = clock

    def seal(self, certificate: CertificateType, adapter: str, found: Found) -> Sealed:
        """Seal an answer; disclosures stand in the order of the certificate type.

        Raises:
            KeyError: the adapter has no key; a programming error.
            SetupError: a field has a reserved name.
        """
        now = self._clock()
        return issue_sd_jwt(
            self._signers[adapter],
            {f.name: found.fields[f.name] for f in certificate.fields if f.name in found.fields},
            issuer=self._issuer,
            certificate=certificate.name,
            issued_at_s=int(now.timestamp()),
            as_of=format_time_s(found.as_of or now),
        )

    def disclose(self, sealed: Sealed, fields: Sequence[str]) -> str:
        """Write the SD-JWT that shows these fields and no other.

        Raises:
            KeyError: a field is not in the sealed certificate; a programming error.
        """
        return present_sd_jwt(sealed, fields)

    def reveal(self, sealed: Sealed, fields: Iterable[str]) -> dict[str, Value]:
        """The values of these fields, as far as the certificate has them."""
        return reveal_fields(sealed, fields)

    def recognise(self, token: str, certificate: str) -> Sealed | None:
        """A whole certificate that another node sealed as this one does; None for anything else.

        Its key is one that this node publishes, or nobody could verify what is shown of it.
        """
        try:
            unsealed = verify_sd_jwt(token, self._verifiers.get)
        except TrustError:
            return None
        if (unsealed.issuer, unsealed.certificate) != (self._issuer, certificate):
            return None
        return restore_sealed(token, unsealed)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Every public key as a JWK Set (RFC 7517 §5), those no longer used included."""
        return {"keys": [dict(jwk) for jwk in self._jwks]}


def _load_p256(keyid: str, pem: str) -> Verifier:
    try:
        return load_verifier(pem, "ecdsa-p256-sha256")
    except RequestError as error:
        raise SetupError(
            error.detail,
            where=f"sealing key {keyid}",
            remedy="give the public key in PEM, made with ecdsa-p256-sha256",
        ) from None


def _require_published(adapter: str, signer: Signer, verifiers: Mapping[str, Verifier]) -> None:
    """What our own key set does not verify, nobody else can verify either."""
    try:
        verifiers[signer.keyid].verify(signer.sign(_PROBE), _PROBE)
    except (KeyError, TrustError):
        raise SetupError(
            "the signing key is not one of the published keys",
            where=f"sealing key of adapter {adapter}",
            remedy=f"publish the public key of {signer.keyid}",
        ) from None
