# SPDX-License-Identifier: Apache-2.0
"""The SM envelope 国密信封: bodies under SM4, its key under SM2, both signed with SM2 over SM3.

As finance platforms of provinces exchange it with departments. A call::

    appId: <app>   timestamp: <ms>   nonce: <nonce>

    {"encData": base64(SM4-CBC(key, iv, body)),
     "encKey": base64(SM2(department, base64(key))),
     "iv": base64(iv),
     "signature": hex(SM2 signature of SM3(encData ‖ timestamp ‖ nonce))}

and its answer, under the same key and IV::

    {"encData": base64(SM4-CBC(key, iv, answer)), "signature": hex(SM2 signature of SM3(encData))}

Rules:

1. Nothing is opened before its signature is verified, so no ciphertext of anybody else's is tried.
2. Key, IV, time and nonce are fresh for each call, and for each time that it is sent.
3. An answer belongs to its call because only the two ends know the key under which it is: one of
   another call does not open, or opens as noise.
4. Public keys are exchanged beforehand. The platforms' own calls for that are signed by nobody.

Signature and ciphertext have the forms of `gateway.crypto.sm`.
"""

import binascii
import secrets
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.crypto.digest import b64_decode, b64_encode
from gateway.crypto.sm import SM4_BYTES, Sm2KeyPair, Sm2PublicKey, sm3, sm4_decrypt, sm4_encrypt
from gateway.errors import AdapterContractBroken
from gateway.model.discreet import Discreet
from gateway.sdk.kits.signin import MAX_SKEW_MS

_NONCE_BYTES: Final = 16
_MAX_DIGITS: Final = 16


class _Call(msgspec.Struct, frozen=True, rename="camel"):
    enc_data: str
    enc_key: str
    iv: str
    signature: str


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    enc_data: str
    signature: str


class _Session(Discreet, msgspec.Struct, frozen=True):
    """What one call and its answer are sealed under."""

    key: bytes
    iv: bytes

    def seal(self, content: bytes) -> str:
        return b64_encode(sm4_encrypt(self.key, self.iv, content))

    def open(self, sealed: str) -> bytes:
        return sm4_decrypt(self.key, self.iv, b64_decode(sealed))


class SmSealedCall(Discreet, msgspec.Struct, frozen=True):
    """One call, as `SmEnvelope` sealed it.

    Attributes:
        body: JSON.
        headers: the three.
        session: opens the answer.
        department: signed it.
    """

    body: bytes
    headers: Mapping[str, str]
    session: _Session
    department: Sm2PublicKey

    def open(self, answer: bytes) -> bytes:
        """Verify and open the answer.

        Raises:
            AdapterContractBroken: it is not sealed, not to us, or not by the department.
        """
        try:
            sealed = msgspec.json.decode(answer, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise AdapterContractBroken("the answer is not sealed") from None
        if not _is_signed(self.department, sealed.enc_data, sealed.signature):
            raise AdapterContractBroken("the answer is not signed by the department")
        try:
            return self.session.open(sealed.enc_data)
        except ValueError:
            raise AdapterContractBroken("the answer is not sealed for this call") from None


class SmEnvelope:
    """Our side: seals calls to one department.

    Args:
        app: `appId`, as the department assigned it.
        ours: signs calls; the department knows its public half.
        department: its public key, to which keys are encrypted, and by which answers are signed.
    """

    def __init__(self, app: str, ours: Sm2KeyPair, department: Sm2PublicKey) -> None:
        self._app: Final = app
        self._ours: Final = ours
        self._department: Final = department

    def seal(self, body: bytes) -> SmSealedCall:
        """Seal a body with the clock's time and a fresh nonce."""
        session = _Session(secrets.token_bytes(SM4_BYTES), secrets.token_bytes(SM4_BYTES))
        timestamp = str(time.time_ns() // 1_000_000)
        nonce = secrets.token_hex(_NONCE_BYTES)
        sealed = session.seal(body)
        key = self._department.encrypt(b64_encode(session.key).encode())
        call = _Call(
            enc_data=sealed,
            enc_key=b64_encode(key),
            iv=b64_encode(session.iv),
            signature=_sign(self._ours, sealed + timestamp + nonce),
        )
        headers = {"appId": self._app, "timestamp": timestamp, "nonce": nonce}
        return SmSealedCall(msgspec.json.encode(call), headers, session, self._department)


class SmReceivedCall(Discreet, msgspec.Struct, frozen=True):
    """One call, as the department opened it.

    Attributes:
        body: what was asked.
        session: seals the answer.
        department: signs the answer.
    """

    body: bytes
    session: _Session
    department: Sm2KeyPair

    def answer(self, content: bytes) -> bytes:
        """Seal and sign the answer."""
        sealed = self.session.seal(content)
        return msgspec.json.encode(_Answer(sealed, _sign(self.department, sealed)))


class SmDepartment:
    """The department's side; for simulators.

    Args:
        app: the one caller's `appId`.
        department: the department's keys.
        caller: the caller's public key.
    """

    def __init__(self, app: str, department: Sm2KeyPair, caller: Sm2PublicKey) -> None:
        self._app: Final = app
        self._department: Final = department
        self._caller: Final = caller

    def receive(
        self, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> SmReceivedCall | None:
        """Verify and open a call; None for one that is not this caller's, or not of now."""
        timestamp, nonce = headers.get("timestamp", ""), headers.get("nonce", "")
        if headers.get("appId") != self._app or not nonce or not _is_of_now(timestamp, now_ms):
            return None
        try:
            call = msgspec.json.decode(body, type=_Call)
            if not _is_signed(self._caller, call.enc_data + timestamp + nonce, call.signature):
                return None
            key = b64_decode(self._department.decrypt(b64_decode(call.enc_key)).decode("ascii"))
            session = _Session(key, b64_decode(call.iv))
            return SmReceivedCall(session.open(call.enc_data), session, self._department)
        except (msgspec.DecodeError, ValueError):  # UnicodeDecodeError is of the latter
            return None


def _sign(pair: Sm2KeyPair, signed: str) -> str:
    return pair.sign(sm3(signed.encode())).hex()


def _is_signed(signer: Sm2PublicKey, signed: str, signature: str) -> bool:
    try:
        return signer.verify(sm3(signed.encode()), binascii.unhexlify(signature))
    except ValueError:
        return False


def _is_of_now(timestamp: str, now_ms: int) -> bool:
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > _MAX_DIGITS:
        return False
    return abs(int(timestamp) - now_ms) <= MAX_SKEW_MS
