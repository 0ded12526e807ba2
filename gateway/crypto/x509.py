# SPDX-License-Identifier: Apache-2.0
"""What an X.509 certificate (RFC 5280) says of the key in it.

Only the key and its period are taken: who issued the certificate proves nothing here, because the
gateway's operator registers each key by hand. A certificate that forbids its key to sign
(`keyUsage` without `digitalSignature`) is refused.
"""

from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import RequestError


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
    except (ValueError, UnsupportedAlgorithm):
        raise RequestError("KEY_UNUSABLE", "the X.509 certificate cannot be read") from None
    if usage is not None and not usage.digital_signature:
        raise RequestError("KEY_UNUSABLE", "the certificate does not let its key sign")
    return CertifiedKey(
        public.decode("ascii"), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    )


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
