# SPDX-License-Identifier: Apache-2.0
"""Timestamps (RFC 3161): an authority's word that some bytes existed at a time.

Rules:

1. What is stamped is the SHA-256 of the bytes; of a reply, its algorithm, digest and nonce must be
   those that were asked.
2. The signature must be that of an X.509 certificate that was configured: under a reply to our
   question that of the authority now, under one that was kept also one that it replaced. It must
   lead to one of the configured roots, valid at the time that is told, and be for timestamps alone
   (§2.3: critical extended key usage).
3. Only a reply that is `granted` counts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from gateway.crypto.digest import sha256
from gateway.errors import RequestError, TrustError

_SHA256: Final = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


class Question(msgspec.Struct, frozen=True):
    """What is sent to an authority.

    Attributes:
        der: the body of the request.
        nonce: which its reply must repeat.
    """

    der: bytes
    nonce: int


def ask(content: bytes) -> Question:
    """Make the question for a timestamp of `content`."""
    builder = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.build()
    assert request.nonce is not None  # the builder's default
    return Question(request.as_bytes(), request.nonce)


@final
class TimestampAuthority:
    """An authority whose replies can be checked.

    Args:
        x509_pem: its X.509 certificate; behind it those that were replaced, whose replies are kept.
        roots_pem: those that vouch for them, one or more.

    Raises:
        RequestError: X509_UNUSABLE.
    """

    def __init__(self, x509_pem: bytes, roots_pem: bytes) -> None:
        try:
            self._x509: Final = x509.load_pem_x509_certificates(x509_pem)
            self._roots: Final = x509.load_pem_x509_certificates(roots_pem)
        except (ValueError, UnsupportedAlgorithm):
            raise RequestError("X509_UNUSABLE", "it cannot be read") from None

    def verify(self, reply: bytes, content: bytes, *, nonce: int | None = None) -> datetime:
        """Check a reply.

        Args:
            reply: DER.
            content: what was stamped.
            nonce: of the question; None for a reply that was kept.

        Returns:
            The time that the authority tells, aware.

        Raises:
            TrustError: the reply proves nothing.
        """
        with _errors_of_ours():
            return self._verify(decode_timestamp_response(reply), content, nonce)

    def is_named_in(self, reply: bytes) -> bool:
        """Whether a reply says that it is by this authority, now or before. It proves nothing.

        Raises:
            TrustError: it is no reply.
        """
        with _errors_of_ours():
            return self._named_in(decode_timestamp_response(reply)) is not None

    def _verify(self, answer: TimeStampResponse, content: bytes, nonce: int | None) -> datetime:
        if answer.tst_info.message_imprint.hash_algorithm != _SHA256:
            raise TrustError("PROOF_INVALID", "timestamp: of another digest than SHA-256")
        current = self._x509[0]
        signer = self._named_in(answer) or current
        if nonce is not None and signer != current:
            raise TrustError("PROOF_INVALID", "timestamp: its X.509 certificate was replaced")
        verifier = VerifierBuilder(tsa_certificate=signer, roots=self._roots, nonce=nonce).build()
        verifier.verify(answer, sha256(content))
        return answer.tst_info.gen_time

    def _named_in(self, answer: TimeStampResponse) -> x509.Certificate | None:
        signers = {(info.issuer, info.serial_number) for info in answer.signed_data.signer_infos}
        return next((one for one in self._x509 if (one.issuer, one.serial_number) in signers), None)


@contextmanager
def _errors_of_ours() -> Iterator[None]:
    try:
        yield
    except VerificationError as error:
        raise TrustError("PROOF_INVALID", f"timestamp: {_first_words(error)}") from None
    except TrustError:
        raise
    except Exception:  # noqa: BLE001 - two libraries parse foreign DER, each with errors of its own
        raise TrustError("PROOF_INVALID", "timestamp: not a granted reply in DER") from None


def _first_words(error: VerificationError) -> str:
    """The library's reason, without what OpenSSL adds to it."""
    return str(error).partition(":")[0].rstrip(".")
