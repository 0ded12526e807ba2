# SPDX-License-Identifier: Apache-2.0
"""X.509 certificates (RFC 5280): the key of one that signs, the fingerprint of one that connects.

1. Of a signing key's certificate only the key and its period are taken: who issued it proves
   nothing here, because the gateway's operator registers each key by hand. One that forbids its
   key to sign (`keyUsage` without `digitalSignature`) is refused.
2. A connection's certificate is known by the SHA-256 of its DER; its chain is TLS's to verify.
"""

from datetime import datetime
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.crypto.digest import sha256
from gateway.errors import RequestError

_MAX_FILE_BYTES: Final = 65536
_PEM: Final = b"-----BEGIN "


class CertifiedKey(msgspec.Struct, frozen=True):
    """A key out of a certificate; nothing of it is checked yet.

    Attributes:
        public: SubjectPublicKeyInfo in PEM.
        not_before: aware.
        not_after: aware.
    """

    public: str
    not_before: datetime
    not_after: datetime


class ConnectionX509(msgspec.Struct, frozen=True):
    """A certificate that one side of a TLS connection presents.

    Attributes:
        sha256: of its DER, hexadecimal.
        not_before: aware.
        not_after: aware.
    """

    sha256: str
    not_before: datetime
    not_after: datetime


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate's DER, 64 characters of lower-case hexadecimal."""
    return sha256(der).hex()


def read_connection_x509(content: bytes) -> ConnectionX509:
    """Read a certificate in PEM or DER; of a chain in PEM, the first.

    Raises:
        RequestError: X509_UNUSABLE, or KEY_PRIVATE.
    """
    if b"PRIVATE KEY-----" in content:
        raise RequestError("KEY_PRIVATE")
    if len(content) > _MAX_FILE_BYTES:
        raise RequestError("X509_UNUSABLE", "the file is too large for one")
    try:
        load = x509.load_pem_x509_certificate if _PEM in content else x509.load_der_x509_certificate
        found = load(content)
        return ConnectionX509(
            fingerprint(found.public_bytes(Encoding.DER)),
            found.not_valid_before_utc,
            found.not_valid_after_utc,
        )
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise RequestError("X509_UNUSABLE", "it cannot be read") from None


def read_certificate(pem: bytes) -> CertifiedKey:
    """Read one certificate in PEM.

    Raises:
        RequestError: KEY_UNUSABLE.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        public = certificate.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        usage = _key_usage(certificate)
        found = CertifiedKey(
            public.decode("ascii"),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise RequestError("KEY_UNUSABLE", "the X.509 certificate cannot be read") from None
    if usage is not None and not usage.digital_signature:
        raise RequestError("KEY_UNUSABLE", "the certificate does not let its key sign")
    return found


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
