# SPDX-License-Identifier: Apache-2.0
"""Verify evidence about one access of a gateway, offline 离线核验证据包.

    python3 verify_case.py case.zip [--log-key FILE] [--agency-key FILE] [--gateway-key FILE] …

Needs Python 3.11 and `cryptography`; imports nothing of the gateway. Formats: APPNOTE 6.3.10 (ZIP,
stored), C2SP signed-note, tlog-checkpoint, tlog-proof and tlog-cosignature, RFC 6962 §2.1 (tree),
RFC 9421 (bases), RFC 9901 (seals), docs/how-to/evidence.md (what is in a case). The archive has one
spelling, so that a byte changed anywhere is found. Keys stand in the case; that they are the
owners' is shown by comparing thumbprints, or by naming their files.
Exit code 0: everything holds. 4: something does not. 3: there is no such file.
"""

import argparse
import base64
import hashlib
import json
import re
import struct
import sys
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

LOCAL, CENTRAL = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
SIGNED_AS = b"yizheng-evidence-v1\n"
MANIFEST = frozenset({"manifest.json", "manifest.sig"})
ABSENT = "本证据包未涉及，既未证明，也未否定 · not in this case: neither proved nor disproved"
RECORDED = ("item", "case", "purpose", "mandate", "terminal", "division")


def sha256(content: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(content).digest()


def b64(text: str, *, url: bool = False) -> bytes:
    """Decode base64 (or base64url without padding) in its one spelling."""
    padding = "=" * (-len(text) % 4) if url else ""
    content = base64.b64decode(text + padding, altchars=b"-_" if url else b"+/", validate=True)
    if (in_b64url(content) if url else base64.b64encode(content).decode()) != text:
        raise ValueError("base64 is not canonical")
    return content


def in_b64url(content: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Key:
    """A public key, P-256 or Ed25519: PEM, or the 32 bytes of the latter."""

    def __init__(self, key: bytes) -> None:
        load = Ed25519PublicKey.from_public_bytes if len(key) == 32 else load_pem_public_key
        self._key: Any = load(key)

    def verify(self, signature: bytes, message: bytes, what: str) -> None:
        """Return when the signature is this key's; of P-256 it is r ‖ s."""
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        how: tuple[Any, ...] = (signature, message)
        if isinstance(self._key, ec.EllipticCurvePublicKey):
            how = utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256())
        try:
            self._key.verify(*how)
        except InvalidSignature:
            raise ValueError(f"the signature over {what} does not verify") from None
        if len(signature) != 64:
            raise ValueError(f"the signature over {what} has not 64 bytes")

    def thumbprint(self) -> str:
        """RFC 7638."""
        if isinstance(self._key, Ed25519PublicKey):
            members = {"crv": "Ed25519", "kty": "OKP", "x": in_b64url(self._key.public_bytes_raw())}
        else:
            point = self._key.public_numbers()
            x, y = (in_b64url(part.to_bytes(32, "big")) for part in (point.x, point.y))
            members = {"crv": "P-256", "kty": "EC", "x": x, "y": y}
        return in_b64url(sha256(json.dumps(members, separators=(",", ":")).encode()))


def read_archive(content: bytes) -> dict[str, bytes]:
    """The members, as far as local headers can be followed."""
    members: dict[str, bytes] = {}
    at = 0
    while content[at : at + 4] == b"PK\x03\x04":
        *_, size, _, name_size, extra = LOCAL.unpack_from(content, at)
        start = at + LOCAL.size + name_size + extra
        name = content[at + LOCAL.size : start].decode("ascii", "backslashreplace")
        members[name] = content[start : start + size]
        at = start + size
    return members


def write_archive(members: Mapping[str, bytes]) -> bytes:
    """The one spelling of an archive with these members."""
    body, directory = bytearray(), bytearray()
    for name, content in sorted(members.items()):
        encoded = name.encode("ascii", "replace")
        fixed = (20, 0, 0, 0, 33, zlib.crc32(content), len(content), len(content), len(encoded), 0)
        directory += CENTRAL.pack(b"PK\x01\x02", 20, *fixed, 0, 0, 0, 0, len(body)) + encoded
        body += LOCAL.pack(b"PK\x03\x04", *fixed) + encoded + content
    sizes = (len(members), len(members), len(directory), len(body))
    return bytes(body + directory + END.pack(b"PK\x05\x06", 0, 0, *sizes, 0))


def open_note(note: bytes, vkey: str, kind: int) -> tuple[str, Key, list[bytes]]:
    """Text of a note, and what stands in the signature lines of a key of that type."""
    name, key_id, encoded = vkey.split("+", 2)
    blob = b64(encoded)
    if blob[0] != kind or sha256(name.encode() + b"\n" + blob)[:4].hex() != key_id:
        raise ValueError(f"{name}: not a verifier key of type {kind}")
    text, _, tail = note.decode().rpartition("\n\n")
    lines = [line.split(" ") for line in tail.split("\n")]
    if lines.pop() != [""] or any(dash != "—" for dash, _, _ in lines):
        raise ValueError("a signature line of the checkpoint is malformed")
    mine = [b64(value) for _, signer, value in lines if signer == name]
    return text + "\n", Key(blob[1:]), [v[4:] for v in mine if v[:4].hex() == key_id]


def check_proof(proof: bytes, record: bytes, vkey: str) -> tuple[int, bytes]:
    """The record must be in the log; returns its index and the checkpoint's note."""
    head, _, note = proof.partition(b"\n\n")
    version, index_line, *hashes = head.decode("ascii").split("\n")
    if version != "c2sp.org/tlog-proof@v1" or not index_line.startswith("index "):
        raise ValueError("not a proof of form c2sp.org/tlog-proof@v1")
    index = int(index_line.removeprefix("index "))
    text, key, signatures = open_note(note, vkey, 1)
    for signature in signatures or [b""]:
        key.verify(signature, text.encode(), "the checkpoint")
    origin, size, root, rest = text.split("\n")
    if origin != vkey.split("+", 1)[0] or rest:
        raise ValueError("the checkpoint is of another log")
    if tree_root(record, index, int(size), [b64(line) for line in hashes]) != b64(root):
        raise ValueError("the proof does not lead to the checkpoint's root")
    return index, note


def tree_root(record: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root to which a proof of inclusion leads (RFC 6962 §2.1.1)."""
    left, right, turns = 0, size, []  # on the way down to the leaf
    while right - left > 1:
        middle = left + (1 << (right - left - 1).bit_length() - 1)
        turns.append(index < middle)
        left, right = (left, middle) if index < middle else (middle, right)
    if not 0 <= index < size or len(turns) != len(proof):
        raise ValueError(f"not a proof about record {index} of {size}")
    found = sha256(b"\x00" + record)
    for is_left, sibling in zip(reversed(turns), proof, strict=True):
        found = sha256(b"\x01" + (found + sibling if is_left else sibling + found))
    return found


class Message:
    """A request or a response as it stands in a case."""

    def __init__(self, content: bytes) -> None:
        head, _, self.body = content.partition(b"\r\n\r\n")
        self.start, *lines = head.decode("latin-1").split("\r\n")
        self._fields = [line.split(": ", 1) for line in lines]

    def field(self, name: str) -> str:
        """The value of a field, its lines joined; empty when absent."""
        return ", ".join(value for key, value in self._fields if key.lower() == name)

    def signature(self, base: bytes) -> bytes:
        """The signature whose parameters stand at the end of a base."""
        member = base.rpartition(b'"@signature-params": ')[2].decode()
        inputs = f", {self.field('signature-input')}, "
        label = inputs[: inputs.index(f"={member}, ")].rpartition(", ")[2]
        found = re.search(rf"(?:^|, ){re.escape(label)}=:([^:]*):", self.field("signature"))
        return b64(found[1] if found else "")

    def check(self, lines: Mapping[str, str], derived: Mapping[str, Collection[str]]) -> None:
        """What was signed of this message must be what it says; other components are left out."""
        for name, value in lines.items():
            plain = name.strip('"')
            if f'"{plain}"' == name and value not in derived.get(plain, {self.field(plain)}):
                raise ValueError(f"{name}: the message has another value than was signed")


def read_base(base: bytes) -> tuple[dict[str, str], str, bytes]:
    """Lines of a signature base by component, the signature's parameters, the body's SHA-256."""
    lines = [line.split(": ", 1) for line in base.decode("ascii").split("\n")]
    last, member = lines.pop()
    by_name = dict(lines)
    is_listed = member.startswith(f"({' '.join(name for name, _ in lines)});")
    if last != '"@signature-params"' or not is_listed or len(by_name) != len(lines):
        raise ValueError("a signature base that does not list its own lines")
    digest = re.findall(r"sha-256=:([A-Za-z0-9+/=]+):", by_name['"content-digest"'])
    return by_name, member, b64(digest[0])


class Case:
    """The files of a case. A claim is a method with printed words; None: not spoken of."""

    def __init__(self, content: bytes, owners: Mapping[str, bytes]) -> None:
        self.content, self.owners = content, owners
        self.files = read_archive(content)

    @property
    def entry(self) -> dict[str, Any]:
        """The record of the access."""
        return dict(json.loads(self.files["entry.json"]))

    def key(self, name: str) -> Key:
        """A key of the case."""
        return Key(self.files[f"keys/{name}.pem"])

    def receipt(self, name: str = "entry", proof: str = "entry") -> tuple[str, bytes]:
        """Where a record of the case is proved to stand, and the note that proves it."""
        vkey, line = self.files["keys/log.vkey"].decode().strip(), self.files[f"{name}.json"]
        index, note = check_proof(self.files[f"{proof}.tlog-proof"], line, vkey)
        return f'log="{vkey.split("+", 1)[0]}", index={index}', note

    def archive(self) -> str:
        """压缩包未被改动 · The archive is as it was written."""
        wanted, found = write_archive(self.files), self.content
        if wanted != found:
            pairs = enumerate(zip(wanted, found, strict=False))
            at = next((i for i, (a, b) in pairs if a != b), min(len(wanted), len(found)))
            raise ValueError(f"not in its one spelling, from byte {at} on")
        return f"{len(self.files)} files"

    def manifest(self) -> str:
        """审计人员签署了这些文件 · The auditor signed these very files."""
        written, signature = self.files["manifest.json"], self.files["manifest.sig"].decode()
        self.key("auditor").verify(b64(signature, url=True), SIGNED_AS + written, "manifest.json")
        listed = json.loads(written)["files"]
        for name in sorted((self.files.keys() | listed.keys()) - MANIFEST):
            if sha256(self.files.get(name, b"")).hex() != listed.get(name):
                raise ValueError(f"{name}: not the file that was signed for")
        return f"manifest.json, {len(listed)} files"

    def record(self) -> str:
        """该记录在日志中 · The entry is in the log."""
        return f"entry.json, {self.receipt()[0]}"

    def act(self) -> str:
        """取证行为已签署并记录 · The auditor signed for making this case, and that is recorded."""
        line, receipt = self.files["act.json"], self.receipt("act", "act")[0]
        act = json.loads(line)
        unsigned = line[: line.rindex(b'"signature":"')] + b'"signature":""}'
        self.key("auditor").verify(b64(act["signature"], url=True), unsigned, "the act")
        if act["action"] != "evidence" or act["subject"] != self.entry["id"]:
            raise ValueError("act.json is about something else")
        return f"act.json, {receipt}, {act['actor']}"

    def request(self) -> str | None:
        """用证单位签署了该请求 · The agency signed this request."""
        if "request.base" not in self.files:
            return None
        entry, base = self.entry, self.files["request.base"]
        lines, member, signed_digest = read_base(base)
        message = Message(self.files.get("request.http", b""))
        if "request.key" in self.files:
            key, sealed = self.files["request.key"].decode(), b64(entry["request"]["ct"], url=True)
            bound_to = f"{entry['request']['epoch']}|{entry['id']}".encode()
            opened = AESGCM(bytes.fromhex(key)).decrypt(sealed[:12], sealed[12:], bound_to)
            digest, signature = opened[:32], opened[32:]
        else:
            digest, signature = sha256(message.body), message.signature(base)
        self.key("agency").verify(signature, base, "the request")
        stated = signed_digest, member, f'keyid="{entry["keyid"]}"' in member
        if stated != (digest, entry["request"]["signature_input"], True):
            raise ValueError("request.base is not what the entry says of the request")
        if message.start:
            method, target, _ = message.start.split(" ")
            path, mark, query = target.partition("?")
            host = message.field("host").lower()
            hosts = {host, host.removesuffix(":80"), host.removesuffix(":443")}
            derived = {"@method": {method}, "@path": {path}, "@query": {mark + query or "?"}}
            message.check(lines, derived | {"@authority": hosts})
            said = json.loads(message.body)["attribution"] if entry["item"] else entry
            if sha256(message.body) != digest or any(said.get(n) != entry.get(n) for n in RECORDED):
                raise ValueError("request.http is not what the entry says of the request")
        return f"request.base, {entry['agency']}, SHA-256 of the body {digest.hex()}"

    def answer(self) -> str | None:
        """网关签署了对该请求的应答 · The gateway signed this answer to that request."""
        if "response.base" not in self.files:
            return None
        base, message = self.files["response.base"], Message(self.files["response.http"])
        lines, _, signed_digest = read_base(base)
        self.key("gateway").verify(message.signature(base), base, "the response")
        message.check(lines, {"@status": {message.start.split(" ")[1]}})
        answer = self.files.get("answer.json", message.body)
        digests = signed_digest, sha256(answer).hex(), answer in message.body
        if digests != (sha256(message.body), self.entry["response"]["digest"], True):
            raise ValueError("response.http is not what the entry says of the response")
        asked, member, _ = read_base(self.files["request.base"])
        echoed = {name.removesuffix(";req"): value for name, value in lines.items()}
        if not asked.items() <= echoed.items() or member not in lines.values():
            raise ValueError("the response answers another request")
        record = "call" if "call.json" in self.files else "entry"
        if record == "call":
            call = json.loads(self.files["call.json"])
            said = call["action"], call["id"], json.loads(call["query"])["response"]
            if said != ("case_materials", self.entry["plan"], signed_digest.hex()):
                raise ValueError("call.json is about something else")
        if lines['"audit-receipt"'] != self.receipt(record, record)[0]:
            raise ValueError("the receipt in the response is of another entry")
        return "response.base, response.http"

    def seal(self) -> str | None:
        """数据提供部门的密钥签封了这些字段 · The department's key sealed these fields."""
        answer = self.files.get("answer.json", Message(self.files.get("response.http", b"")).body)
        body = json.loads(answer or b"{}")
        if "sealed" not in body:
            return None
        token, *disclosures, _ = body["sealed"].split("~")
        header, payload, signature = (b64(part, url=True) for part in token.split("."))
        keyid, claims = json.loads(header)["kid"], json.loads(payload)
        self.key(keyid).verify(signature, token.rpartition(".")[0].encode(), "the seal")
        shown = (json.loads(b64(text, url=True)) for text in disclosures)
        fields = {name: value for _, name, value in shown}
        hashes = {in_b64url(sha256(text.encode())) for text in disclosures}
        if not hashes <= set(claims["_sd"]) or fields != body["fields"]:
            raise ValueError("the answer has other fields than were sealed")
        return f"{keyid}, {claims['vct']} as of {claims['as_of']}"

    def witnesses(self) -> str | None:
        """见证方对日志共同签名 · Witnesses saw the log so."""
        note, seen = self.receipt()[1], []
        for vkey in self.files.get("keys/witnesses.vkeys", b"").decode().splitlines():
            text, key, values = open_note(note, vkey, 4)
            for value in values:
                time_s = int.from_bytes(value[:8], "big")
                said = f"cosignature/v1\ntime {time_s}\n{text}"
                key.verify(value[8:], said.encode(), "the cosignature")
                seen.append(f"{vkey.split('+', 1)[0]} at {time_s}")
        return ", ".join(seen) or None

    def timestamp(self) -> str | None:
        """时间戳覆盖含该记录的日志 · The timestamp is over the log with this entry."""
        if "timestamp.tsr" not in self.files:
            return None
        note, stamp = self.receipt("entry", "timestamped")[1], self.files["timestamp.tsr"]
        if sha256(note) not in stamp or note != self.files["timestamped.note"]:
            raise ValueError("timestamp.tsr is over something else")
        return "timestamp.tsr; its own signature is verified by openssl, see README.md"

    def keys(self) -> str:
        """请与各单位公布的公钥比对 · Compare the keys with those that their owners tell."""
        marks = []
        for path in sorted(path for path in self.files if path.startswith("keys/")):
            name, content = path.split("/")[1].split(".")[0], self.files[path]
            if self.owners.get(name, content).split() != content.split():
                raise ValueError(f"{path}: not the key that the owner gave")
            is_pem = b"-----BEGIN PUBLIC KEY" in content
            mark = Key(content).thumbprint() if is_pem else content[:200].decode().strip()
            marks.append(f"\n       {path} {mark}")
        return "".join(marks)


CLAIMS = ("archive", "manifest", "record", "act", "request", "answer", "seal", "witnesses")
UNSOUND = (ValueError, LookupError, TypeError, AttributeError, InvalidTag, UnsupportedAlgorithm)


def verify(content: bytes, owners: Mapping[str, bytes]) -> list[tuple[str, str, str]]:
    """Check every claim: `holds`, `FAILS`, or `-` where it is absent; its words; a remark."""
    results = []
    for claim in (getattr(Case, name) for name in (*CLAIMS, "timestamp", "keys")):
        try:
            remark = claim(Case(content, owners)) or ABSENT
            results.append(("-" if remark is ABSENT else "holds", claim.__doc__ or "", remark))
        except (*UNSOUND, RecursionError, struct.error) as error:
            results.append(("FAILS", claim.__doc__ or "", str(error) or type(error).__name__))
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command; returns the exit code."""
    parser = argparse.ArgumentParser(description="Verify evidence about one access.")
    parser.add_argument("case", type=Path)
    for name in ("log", "agency", "gateway", "auditor"):
        parser.add_argument(f"--{name}-key", dest=name, type=Path, metavar="FILE")
    chosen = vars(parser.parse_args(arguments))
    try:
        read = {name: path.read_bytes() for name, path in chosen.items() if path}
    except OSError as error:
        print(f"cannot be read 无法读取: {error}", file=sys.stderr)
        return 3
    results = verify(read.pop("case"), read)
    for holds, words, remark in results:
        print(f"{holds:6} {words} {remark}")
    return 4 if any(holds == "FAILS" for holds, *_ in results) else 0


if __name__ == "__main__":
    sys.exit(main())
