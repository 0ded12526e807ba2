# SPDX-License-Identifier: Apache-2.0
"""What each target starts from, made when it is needed: nothing of it is kept in a file."""

from typing import Final

import msgspec

from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.httpsig import SignedRequest, content_digest, request_signature_headers
from gateway.model.agency import Agency, AgencyKey, Operator
from gateway.model.agency_file import format_agency
from gateway.tlog.bundle import format_bundle
from gateway.tlog.checkpoint import sign_checkpoint
from gateway.tlog.note import COSIGNER_KEY, NoteSigner
from gateway.tlog.proof import Proof, format_proof

BODY: Final = (
    '{"holder":{"scheme":"cn-id","number":"140302190001010017","name":"测试甲"},'
    '"certificate":"public_security.identity","operation":"verify","fields":[],'
    '"claims":{"name":"a:b\\"","valid":true,"count":-1,"end":null},"max_age_s":600,'
    '"attribution":{"item":"yq-gjj-001","case":"YQ20261122-0001","purpose":"提取 \\u0041: x",'
    '"operator":{"id":"yq-0417","name":"测试经办"},"terminal":"window-03","division":"140300"}}'
)
_PRIVATE: Final = generate_private_key("ed25519")
_SIGNER: Final = load_signer(_PRIVATE, "yq-gjj-2026")
_HOST: Final = "gateway.example"
_TARGET: Final = "/v1/lookups"


def _signed() -> dict[str, str]:
    body = BODY.encode()
    fields = {"Content-Type": "application/json", "Content-Digest": content_digest(body)}
    request = SignedRequest(
        method="POST",
        authority=_HOST,
        path=_TARGET,
        query="?",
        lines=lambda name: tuple(v for k, v in fields.items() if k.lower() == name),
        has_body=True,
    )
    return fields | request_signature_headers(
        request, signer=_SIGNER, created=1_795_348_800, nonce="AAECAwQFBgcICQoLDA0ODw"
    )


def _agency() -> Agency:
    key = AgencyKey("yq-gjj-2026", "ed25519", public_pem(_PRIVATE))
    return Agency(
        "yq-gjj", "阳泉公积金中心", division="140300", keys=(key,),
        operators=(Operator("yq-0417", "测试\t经办"),), per_s=1.5,
    )  # fmt: skip


def seeds() -> dict[str, list[bytes]]:
    """Content that each target's parser reads, by the target's name."""
    fields = _signed()
    lines = "".join(f"\n{name}: {value}" for name, value in fields.items())
    noted = NoteSigner.from_pem("yizheng.example/log", _PRIVATE)
    witness = NoteSigner.from_pem("witness.example", _PRIVATE, COSIGNER_KEY).public
    raw = f"POST {_TARGET} HTTP/1.1\nHost: {_HOST}{lines}\n\n{BODY}"
    curl = f"curl -X POST http://{_HOST}{_TARGET} -H 'Accept: */*' --data-binary @body.json"
    small = msgspec.json.decode(BODY) | {"operation": "query", "fields": ["name"], "claims": {}}
    return {
        "fields": [
            *(value.encode() for name, value in fields.items() if name != "Content-Type"),
            b'a=1, b;q="x y", c=(1 2.5 "s";p=?0 :YQ==:)\nd=@1659578233, e=%"f%c3%bc"',
            b"a=01,  b=(1  2), c=?1, d=-0",
        ],
        "request": [f"POST\n{_HOST}\n{_TARGET}\n?{lines}".encode()],
        "body": [BODY.encode(), msgspec.json.encode(small)],
        "answer": [
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 103 Early\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\n{\r\n0\r\nX: 1\r\n\r\n",
            b"HTTP/1.0 503 Away\r\nRetry-After: 7\r\n\r\nno",
        ],
        "note": [sign_checkpoint(7, bytes(32), noted)],
        "proof": [
            format_proof(Proof(5, (bytes(32),) * 3, sign_checkpoint(8, bytes(32), noted), b"x")),
            format_bundle([b"one", b"", b"three"]),
            f"log {noted.public.vkey} u\nwitness w {witness.vkey}\ngroup g 1 w\n"
            "# g\nquorum g\n".encode(),
        ],
        "names": [b"tile/0/x001/x234/067.p/8", b"tile/entries/000", noted.public.vkey.encode()],
        "agency": [format_agency(_agency()).encode()],
        "capture": [raw.encode(), raw.replace("\n", "\r\n").encode(), curl.encode()],
    }
