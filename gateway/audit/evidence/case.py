# SPDX-License-Identifier: Apache-2.0
"""A case: everything that proves one access, in files (docs/how-to/evidence.md).

Rules:

1. What is put in was verified first; messages that are not those of the entry are refused.
2. Of the epoch's keys only that of this one entry's request goes in (`gateway.crypto.identity`),
   since it opens a digest on which numbers can be tried: beside that very request, or where who
   makes the case has seen the number with a second person's approval (ADR 0005).
3. The manifest names the SHA-256 of every other file and is signed with the auditor's key, so a
   case is somebody's word as a whole, whatever each file proves by itself.
4. Equal contents make equal bytes.
5. What a case does not prove it says, so that nobody takes it for proved, or for disproved.
"""

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Final, Literal, final

import msgspec

from gateway.audit.evidence.archive import format_archive
from gateway.audit.evidence.messages import (
    CapturedResponse,
    find_answer,
    format_request,
    format_response,
    rebuild_request_base,
    response_base,
)
from gateway.audit.evidence.vouchers import find_timestamp, find_witnessed
from gateway.audit.evidence.words import README, summary
from gateway.audit.store.notary import NotaryReader
from gateway.audit.store.reader import LogReader
from gateway.crypto.digest import b64url_decode, b64url_encode, sha256
from gateway.crypto.identity import EpochCipher
from gateway.crypto.keys import Verifier, keyid_of, load_verifier
from gateway.errors import RequestError, SetupError, TrustError
from gateway.explain.capture import Capture
from gateway.httpsig import parse_request_signature, signature_base
from gateway.model.act import Act
from gateway.model.agency import AgencyKey
from gateway.model.entry import Entry, parse_entry
from gateway.model.record import format_record
from gateway.tlog.note import NoteVerifier
from gateway.tlog.proof import format_proof, make_proof

FORMAT: Final = "yizheng-evidence/1"
#: What the manifest's signature is over begins so, and nothing else that is signed does.
SIGNED_AS: Final = b"yizheng-evidence-v1\n"
_MAX_INDEX_DIGITS: Final = 18

AgencySignature = Literal["proved", "rebuilt_after_unmasking", "request_not_given"]


class Keys(msgspec.Struct, frozen=True):
    """Public keys that prove something about an access.

    Attributes:
        log: of the log.
        gateway: PEM of the key that signs responses.
        agency: of the entry's `keyid`; None where it is not registered any more.
        seals: PEM of the departments' sealing keys, by key id.
        auditor: of the act.
        witnesses: vkeys, where the log has witnesses.
        authority: X.509 certificates of the timestamp authority, and their roots, PEM.
    """

    log: NoteVerifier
    gateway: str
    agency: AgencyKey | None
    seals: Mapping[str, str]
    auditor: AgencyKey
    witnesses: tuple[str, ...] = ()
    authority: tuple[bytes, bytes] | None = None


class Messages(msgspec.Struct, frozen=True):
    """What the caller kept, and what stands in for a request that nobody kept.

    Attributes:
        unmasking: the ask by which who makes the case has seen the number of this very record
            (`gateway.audit.unmask.check_seen`); the request's base is then rebuilt.
        authorities: hosts under which the gateway may have been asked; of use for that alone.
    """

    request: Capture | None = None
    response: CapturedResponse | None = None
    unmasking: str | None = None
    authorities: tuple[str, ...] = ()

    @property
    def agency_signature(self) -> AgencySignature:
        """What a case that is made with them says of the agency's signature over the request."""
        if self.request is not None:
            return "proved"
        return "request_not_given" if self.unmasking is None else "rebuilt_after_unmasking"


class Located(msgspec.Struct, frozen=True):
    """An entry where it stands."""

    index: int
    line: bytes
    entry: Entry


def find_access(reader: LogReader, wanted: str) -> Located:
    """Find an access by its request id or its index.

    Raises:
        RequestError: RECORD_UNKNOWN; there is none, or it is no access.
        AuditError: the log cannot be read.
    """
    found: tuple[int, bytes] | None
    if wanted.isdecimal() and len(wanted) <= _MAX_INDEX_DIGITS:
        rows = reader.tail(1, before=int(wanted) + 1)
        found = next((row for row in rows if row[0] == int(wanted)), None)
    else:
        head = b'{"v":1,"kind":"lookup","id":%s,' % msgspec.json.encode(wanted)
        found = next((row for row in reader.entries() if row[1].startswith(head)), None)
    if found is None:
        raise RequestError("RECORD_UNKNOWN")
    try:
        return Located(*found, parse_entry(found[1]))
    except ValueError:
        raise RequestError("RECORD_UNKNOWN", f"record {found[0]} is no access") from None


@final
class CaseBuilder:
    """Puts one case together.

    Args:
        reader: of the log.
        notary: what witnesses and a timestamp authority vouched for, where there is anything.
        sign: signs with the auditor's key.
    """

    def __init__(
        self,
        reader: LogReader,
        keys: Keys,
        *,
        sign: Callable[[bytes], bytes],
        notary: NotaryReader | None = None,
    ) -> None:
        self._reader: Final = reader
        self._notary: Final = notary
        self._keys: Final = keys
        self._sign: Final = sign

    def build(
        self,
        located: Located,
        act_index: int,
        act: Act,
        *,
        cipher: EpochCipher | None,
        messages: Messages,
    ) -> bytes:
        """Make the archive.

        Args:
            act: by which the case is made, recorded already.
            cipher: of the entry's epoch; None where its keys were destroyed.

        Raises:
            TrustError: something does not verify, or a message is not that of the entry.
            RequestError: a message cannot be read as a signed one; EPOCH_ERASED, the keys of what
                is to be rebuilt were destroyed.
            SetupError: what the agency signed cannot be rebuilt.
            AuditError: the log cannot be read.
        """
        files = {
            "README.md": README.encode(),
            "verify_case.py": _verifier_script(),
            "entry.json": located.line,
            "act.json": format_record(act),
            "keys/log.vkey": self._keys.log.vkey.encode() + b"\n",
            "keys/auditor.pem": self._keys.auditor.public.encode(),
        }
        files |= self._proofs(located.index, act_index)
        files |= self._request_files(located.entry, cipher, messages)
        files |= self._response_files(located, messages)
        origin = self._keys.log.name
        for language in ("en", "zh"):
            files[f"summary.{language}.md"] = summary(
                language,
                origin=origin,
                index=located.index,
                entry=located.entry,
                act=act,
                files=files.keys(),
            )
        manifest = {
            "format": FORMAT,
            "origin": origin,
            "index": located.index,
            "request_id": located.entry.id,
            "auditor": act.actor,
            "keyid": act.keyid,
            "made_at": act.time,
            "agency_signature": messages.agency_signature,
            "files": {name: sha256(files[name]).hex() for name in sorted(files)},
        }
        written = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
        signature = b64url_encode(self._sign(SIGNED_AS + written)).encode()
        return format_archive({**files, "manifest.json": written, "manifest.sig": signature})

    def _proofs(self, index: int, act_index: int) -> dict[str, bytes]:
        newest = self._reader.last_checkpoint()
        if newest is None or newest[0] <= act_index:
            raise TrustError("PROOF_INVALID", f"entry {act_index}: under no checkpoint")
        notary, keys = self._notary, self._keys
        witnessed = notary and find_witnessed(self._reader, notary, index, keys.log, keys.witnesses)
        files = {
            "entry.tlog-proof": self._proof(index, witnessed or newest[1]),
            "act.tlog-proof": self._proof(act_index, newest[1]),
        }
        if witnessed:
            files["keys/witnesses.vkeys"] = "".join(f"{v}\n" for v in keys.witnesses).encode()
        if notary is None or keys.authority is None:
            return files
        if found := find_timestamp(self._reader, notary, index, keys.authority):
            timestamp, stamped = found
            files |= {
                "timestamp.tsr": timestamp.reply,
                "timestamped.note": stamped,
                "timestamped.tlog-proof": self._proof(index, stamped),
                "keys/authority.pem": keys.authority[0],
                "keys/authority-roots.pem": keys.authority[1],
            }
        return files

    def _proof(self, index: int, note: bytes) -> bytes:
        return format_proof(make_proof(index, note, self._reader.node))

    def _request_files(
        self, entry: Entry, cipher: EpochCipher | None, messages: Messages
    ) -> dict[str, bytes]:
        files, request, agency = {}, messages.request, self._keys.agency
        if agency is not None:
            files["keys/agency.pem"] = agency.public.encode()
        if messages.agency_signature == "request_not_given":
            return files
        recorded = None if cipher is None else cipher.reveal_request(entry.request, entry.id)
        if request is None:
            files["request.base"] = _rebuilt_request(entry, messages.authorities, recorded, agency)
        else:
            files["request.base"] = _signed_request(entry, request, recorded, agency)
            files["request.http"] = format_request(request)
        if cipher is not None:
            files["request.key"] = cipher.request_key(entry.id).hex().encode() + b"\n"
        return files

    def _response_files(self, located: Located, messages: Messages) -> dict[str, bytes]:
        entry, response = located.entry, messages.response
        seals = [k for k in self._keys.seals if k.startswith(f"seal-{entry.adapter}-")]
        files: dict[str, bytes] = {}
        if response is not None:
            if messages.request is None:
                raise RequestError("SIGNATURE_MISSING", "a response is proved with its request")
            answer = find_answer(response.body, entry.response.digest)
            if answer is None:
                raise TrustError("PROOF_INVALID", "the response is not that of this entry")
            if answer != response.body:
                files |= {"answer.json": answer, **self._call_files(located)}
            pem = self._keys.gateway
            verifier = load_verifier(pem, "ecdsa-p256-sha256")
            files["response.http"] = format_response(response)
            files["response.base"] = response_base(
                response, messages.request, keyid_of("gateway", pem), verifier
            )
            files["keys/gateway.pem"] = pem.encode()
            seals = [k for k in self._keys.seals if k == _sealed_by(answer)]
        return files | {f"keys/{keyid}.pem": self._keys.seals[keyid].encode() for keyid in seals}

    def _call_files(self, located: Located) -> dict[str, bytes]:
        """The record of the call for all materials, whose receipt is what the response bears.

        It stands behind the records of its accesses, and before it nothing left.
        """
        head = b'{"v":1,"kind":"act","id":%s,' % msgspec.json.encode(located.entry.plan)
        rows = self._reader.entries(located.index + 1)
        found = next((row for row in rows if row[1].startswith(head)), None)
        newest = self._reader.last_checkpoint()
        if found is None or newest is None or newest[0] <= found[0]:
            raise TrustError("PROOF_INVALID", "the call of this access is not on record")
        return {"call.json": found[1], "call.tlog-proof": self._proof(found[0], newest[1])}


def _signed_request(
    entry: Entry,
    request: Capture,
    recorded: tuple[bytes, bytes] | None,
    agency: AgencyKey | None,
) -> bytes:
    """The base of a captured request, which must be the one that the entry records.

    Args:
        recorded: digest and signature as the entry holds them; None when its keys were destroyed.
    """
    signature = parse_request_signature(request.view())
    # Both at once: a refusal must not tell whether a body fits that somebody merely guessed.
    sent = sha256(request.body), signature.value
    if signature.member != entry.request.signature_input or recorded not in {None, sent}:
        raise TrustError("PROOF_INVALID", "the request is not that of this entry")
    base = signature_base(signature)
    _verifier_of(entry, agency).verify(signature.value, base)
    return base


def _rebuilt_request(
    entry: Entry,
    authorities: tuple[str, ...],
    recorded: tuple[bytes, bytes] | None,
    agency: AgencyKey | None,
) -> bytes:
    """The base of a request that was not given; without one the key would prove nothing."""
    if recorded is None:
        raise RequestError("EPOCH_ERASED", f"epoch {entry.request.epoch}")
    base = rebuild_request_base(
        entry.request.signature_input,
        *recorded,
        verifier=_verifier_of(entry, agency),
        authorities=authorities,
    )
    if base is None:
        raise SetupError(
            "what the agency signed cannot be rebuilt from the log",
            where=f"record {entry.id}",
            remedy="name the host that the agency asked with --authority; where it signed more "
            "than a lookup has to, only its request (--request) proves it.",
        )
    return base


def _verifier_of(entry: Entry, agency: AgencyKey | None) -> Verifier:
    if agency is None:
        raise TrustError(
            "PROOF_INVALID", f"no key `{entry.keyid}` is registered for {entry.agency}"
        )
    return load_verifier(agency.public, agency.algorithm)


class _Answer(msgspec.Struct):
    sealed: str = ""


class _Header(msgspec.Struct):
    kid: str = ""


def _sealed_by(body: bytes) -> str:
    """The key id that the seal of an answer names; empty where there is none."""
    try:
        header = msgspec.json.decode(body, type=_Answer).sealed.partition(".")[0]
        return msgspec.json.decode(b64url_decode(header), type=_Header).kid
    except ValueError:  # msgspec's are ValueErrors
        return ""


def _verifier_script() -> bytes:
    return (resources.files("gateway.audit") / "standalone" / "verify_case.py").read_bytes()
