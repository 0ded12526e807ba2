# SPDX-License-Identifier: Apache-2.0
"""How the office store may know a person: under the site's office key, never in clear.

::

    secret (32 bytes, one a site) ─HKDF-SHA256─▶ index key, content key, cipher key
    index   = HMAC-SHA-256(index key, scheme ":" number)
    digest  = HMAC-SHA-256(content key, content)
    sealed  = version[1] ‖ nonce[12] ‖ AES-256-GCM(HMAC-SHA-256(cipher key, place), content,
                                                   AAD = place)

Rules:

1. A plain hash would be no protection: there are about 10**11 ID numbers. Indices and digests of
   content that holds numbers are keyed.
2. What is sealed is bound to the place where it stands: moved to another row it does not open.
3. Each place has a key of its own, so random nonces never come near to their bound.
4. The log's epoch keys are others, so that erasing an epoch of the log leaves the office as it is,
   and who holds the office key cannot read the log.
"""

from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.crypto.mac import KeyedMac
from gateway.crypto.random import random_piece
from gateway.errors import TrustError

SECRET_BYTES: Final = 32
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = len(_VERSION) + _NONCE_BYTES


@final
class OfficeCipher:
    """The keys of one site's office store.

    Args:
        secret: 32 bytes.

    Raises:
        ValueError: the secret has another length.
    """

    __slots__ = ("_cipher_mac", "_content_mac", "_index_mac")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"an office secret has {SECRET_BYTES} bytes")
        self._index_mac: Final = KeyedMac(_derive(secret, "index"))
        self._content_mac: Final = KeyedMac(_derive(secret, "content"))
        self._cipher_mac: Final = KeyedMac(_derive(secret, "cipher"))

    def __repr__(self) -> str:
        return "OfficeCipher()"

    def index_of(self, scheme: str, number: str) -> bytes:
        """The blind index of a holder, 32 bytes; equal for equal holders of this site."""
        return self._index_mac(f"{scheme}:{number}".encode())

    def digest(self, content: bytes) -> bytes:
        """32 bytes by which equal contents are told, and nothing else."""
        return self._content_mac(content)

    def seal(self, place: str, content: bytes) -> bytes:
        """What may stand at a place, another one each time."""
        bound = place.encode()
        nonce = random_piece()[:_NONCE_BYTES]
        return _VERSION + nonce + AESGCM(self._cipher_mac(bound)).encrypt(nonce, content, bound)

    def open(self, place: str, sealed: bytes) -> bytes:
        """The content of what stands at a place.

        Raises:
            TrustError: PROOF_INVALID; it was not sealed under this key, or not for this place.
        """
        bound = place.encode()
        nonce, ciphertext = sealed[len(_VERSION) : _HEAD_BYTES], sealed[_HEAD_BYTES:]
        try:
            content = AESGCM(self._cipher_mac(bound)).decrypt(nonce, ciphertext, bound)
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            content = None
        if content is None or sealed[: len(_VERSION)] != _VERSION:
            raise TrustError("PROOF_INVALID", "a row of the office store does not open")
        return content


def _derive(secret: bytes, purpose: str) -> bytes:
    info = f"yizheng office {purpose} v1".encode()
    return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(secret)
