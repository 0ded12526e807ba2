# SPDX-License-Identifier: Apache-2.0
"""How the audit log may know a person and a request: under the keys of an epoch, never in clear.

::

    secret (32 random bytes, one an epoch) ─HKDF-SHA256─▶ index key, cipher key, request key
    ix = base64url(HMAC-SHA-256(index key, scheme ":" number))
    ct = base64url(nonce[12] ‖ AES-256-GCM(cipher key, number, AAD = epoch "|" entry id))
    request.ct = base64url(nonce[12] ‖ AES-256-GCM(HMAC-SHA-256(request key, entry id),
                           body digest ‖ signature, AAD = epoch "|" entry id))

Rules:

1. A plain hash would be no protection: there are about 10**11 ID numbers. Every index is keyed.
2. Equal holders have equal `ix` within an epoch only; an auditor computes one `ix` for each epoch.
3. `ct` is bound to its entry: moved to another entry it does not open.
4. Each entry's request has a key of its own, so that evidence about one opens no other.

Secrets rest in the file of `gateway.crypto.epochs`.
"""

from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.crypto.digest import b64url_decode, b64url_encode
from gateway.crypto.mac import KeyedMac
from gateway.crypto.random import random_piece
from gateway.errors import SetupError, TrustError
from gateway.model.entry import HolderMark, RequestMark

SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_DIGEST_BYTES: Final = 32


@final
class EpochCipher:
    """The keys of one epoch.

    Args:
        epoch: its name, e.g. `2026-11`.
        secret: 32 bytes.

    Raises:
        SetupError: the secret has another length.
    """

    __slots__ = ("_cipher", "_index_mac", "_request_mac", "epoch")

    def __init__(self, epoch: str, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise SetupError(
                f"an epoch secret has {SECRET_BYTES} bytes",
                where=f"epoch {epoch}",
                remedy="restore the epoch key file from your backup.",
            )
        self.epoch: Final = epoch
        self._index_mac: Final = KeyedMac(_derive(secret, "index", epoch))
        self._request_mac: Final = KeyedMac(_derive(secret, "request", epoch))
        self._cipher: Final = AESGCM(_derive(secret, "cipher", epoch))

    def __repr__(self) -> str:
        return f"EpochCipher({self.epoch})"

    def index_of(self, scheme: str, number: str) -> str:
        """The blind index of a holder in this epoch, base64url, 43 characters."""
        return b64url_encode(self._index_mac(f"{scheme}:{number}".encode()))

    def mark_holder(self, scheme: str, number: str, masked: str, entry_id: str) -> HolderMark:
        """Make what the entry `entry_id` says about a holder."""
        nonce = random_piece()[:_NONCE_BYTES]
        sealed = self._cipher.encrypt(nonce, number.encode(), self._bound_to(entry_id))
        return HolderMark(
            epoch=self.epoch,
            scheme=scheme,
            ix=self.index_of(scheme, number),
            ct=b64url_encode(nonce + sealed),
            masked=masked,
        )

    def reveal_holder(self, mark: HolderMark, entry_id: str) -> str:
        """The number of a holder, for an auditor whose reading is itself recorded.

        Raises:
            TrustError: the mark is of another epoch or entry, or was changed.
        """
        try:
            sealed = b64url_decode(mark.ct)
            opened = self._cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound_to(entry_id)
            )
            number = opened.decode()
        except (ValueError, InvalidTag):
            number = ""
        if mark.epoch != self.epoch or self.index_of(mark.scheme, number) != mark.ix:
            raise TrustError("PROOF_INVALID", f"the holder does not open under epoch {self.epoch}")
        return number

    def mark_request(
        self, digest: bytes, signature: bytes, signature_input: str, entry_id: str
    ) -> RequestMark:
        """Make what the entry `entry_id` says about a signed request.

        Args:
            digest: SHA-256 of the body, 32 bytes.
            signature: as it was verified.
        """
        nonce = random_piece()[:_NONCE_BYTES]
        cipher = AESGCM(self.request_key(entry_id))
        sealed = cipher.encrypt(nonce, digest + signature, self._bound_to(entry_id))
        return RequestMark(self.epoch, signature_input, b64url_encode(nonce + sealed))

    def reveal_request(self, mark: RequestMark, entry_id: str) -> tuple[bytes, bytes]:
        """The body's SHA-256 and the signature of a request.

        Raises:
            TrustError: the mark is of another epoch or entry, or was changed.
        """
        try:
            sealed = b64url_decode(mark.ct)
            cipher = AESGCM(self.request_key(entry_id))
            opened = cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound_to(entry_id)
            )
        except (ValueError, InvalidTag):
            raise TrustError(
                "PROOF_INVALID", f"the request does not open under epoch {self.epoch}"
            ) from None
        return opened[:_DIGEST_BYTES], opened[_DIGEST_BYTES:]

    def request_key(self, entry_id: str) -> bytes:
        """The key of one entry's request mark, 32 bytes: opens that one and no other."""
        return self._request_mac(entry_id.encode())

    def _bound_to(self, entry_id: str) -> bytes:
        return f"{self.epoch}|{entry_id}".encode()


def _derive(secret: bytes, purpose: str, epoch: str) -> bytes:
    info = f"yizheng holder {purpose} v1|{epoch}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)
