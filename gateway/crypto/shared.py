# SPDX-License-Identifier: Apache-2.0
"""What nodes may leave with a store that none of them trusts.

::

    secret (32 bytes, one for all nodes) ─HKDF-SHA256─▶ tag secret, name key, value key
    name  = HMAC-SHA-256(name key, message)
    value = version[1] ‖ nonce[12] ‖ AES-256-GCM(HMAC-SHA-256(value key, name), content, AAD = name)

Rules:

1. The store learns names that tell nothing, sizes and times; nothing else.
2. A value opens under the name that it was sealed for and no other.
3. Each name has a key of its own, so that random nonces never come near to their bound (NIST SP
   800-38D §8.3: 2³² for a key), however long all nodes go on under one secret.
"""

from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.crypto.mac import KeyedMac
from gateway.crypto.random import random_piece

SECRET_BYTES: Final = 32
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = len(_VERSION) + _NONCE_BYTES


@final
class SharedCipher:
    """The keys of all nodes.

    Args:
        secret: 32 bytes.

    Attributes:
        tag_secret: 32 bytes under which caches know holders.

    Raises:
        ValueError: the secret has another length.
    """

    __slots__ = ("_name_mac", "_value_mac", "tag_secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a shared secret has {SECRET_BYTES} bytes")
        self.tag_secret: Final = _derive(secret, "tag")
        self._name_mac: Final = KeyedMac(_derive(secret, "name"))
        self._value_mac: Final = KeyedMac(_derive(secret, "value"))

    def __repr__(self) -> str:
        return "SharedCipher()"

    def name(self, message: bytes) -> bytes:
        """Under which the store keeps something, 32 bytes."""
        return self._name_mac(message)

    def seal(self, name: bytes, content: bytes) -> bytes:
        """Make the value of a name, another one each time."""
        nonce = random_piece()[:_NONCE_BYTES]
        return _VERSION + nonce + self._cipher(name).encrypt(nonce, content, name)

    def open(self, name: bytes, value: bytes) -> bytes | None:
        """The content of a value; None where it was not sealed for this name by one of us."""
        if value[:1] != _VERSION:
            return None
        try:
            nonce = value[len(_VERSION) : _HEAD_BYTES]
            return self._cipher(name).decrypt(nonce, value[_HEAD_BYTES:], name)
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            return None

    def _cipher(self, name: bytes) -> AESGCM:
        return AESGCM(self._value_mac(name))


def _derive(secret: bytes, purpose: str) -> bytes:
    info = f"yizheng shared cache {purpose} v1".encode()
    return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(secret)
