# SPDX-License-Identifier: Apache-2.0
"""Our profile against the npm library `http-message-signatures` under node, in both directions.

Its exact version, and that of all it needs, is in `node/package.json`; npm puts it into a temporary
folder, with no script run. Where node, npm or the package cannot be had, the reason is shown.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.crypto.keys import generate_private_key, load_signer, load_verifier, public_pem
from gateway.httpsig import (
    RESPONSE_TAG,
    TAG,
    content_digest,
    parse_request_signature,
    request_signature_headers,
    response_signature_headers,
    signature_base,
    verify_response_signature,
)
from gateway.model.agency import Algorithm
from tests.interop.test_http_message_signatures import (
    BODY,
    COVERED,
    NONCE,
    PeerRequest,
    as_ours,
    lines_of,
    now_s,
    peer_request,
)

FOLDER = Path(__file__).parent / "node"
ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256-sha256", "ed25519")
INSTALL_TIMEOUT_S = 60
ORDER_TIMEOUT_S = 20
ANSWER = b'{"outcome":"not_found"}'
RECEIPT = 'log="gw.example/log", index=7'
BOUND = (*(f'"{name}";req' for name in COVERED), '"signature-input";key="peer";req')


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The peer's script, in a folder where its library is installed."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not on the PATH")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "peer.js"):
        shutil.copy(FOLDER / name, folder)
    command = [npm, "install", "--package-lock=false", "--ignore-scripts", "--no-audit"]
    try:
        done = subprocess.run(
            [*command, "--no-fund", "--fetch-retries=0"],
            cwd=folder,
            capture_output=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm could not install http-message-signatures in time")
    if done.returncode != 0:
        pytest.skip(f"npm could not install http-message-signatures (exit {done.returncode})")
    return folder / "peer.js"


class Node:
    """The peer with one key of its own; it does what it is ordered to."""

    def __init__(self, script: Path, algorithm: Algorithm) -> None:
        key = generate_private_key(algorithm)
        self.algorithm = algorithm
        self.signer = load_signer(key, "k-1")
        self.verifier = load_verifier(public_pem(key), algorithm)
        self._script = script
        self._keys = {"sign": key.decode(), "verify": public_pem(key)}

    def sign(self, message: dict[str, Any], **order: Any) -> dict[str, str]:
        """Return the message's headers with its signature."""
        headers: dict[str, str] = self._do("sign", message=message, **order)
        return headers

    def accepts(self, message: dict[str, Any], **order: Any) -> bool:
        """Whether its verifier takes the message; a signature that it passes over is none."""
        return self._do("verify", message=message, **order) is True

    def _do(self, what: str, **order: Any) -> Any:
        order |= {"do": what, "algorithm": self.algorithm, "keyid": "k-1", "key": self._keys[what]}
        done = subprocess.run(
            ["node", self._script],
            input=msgspec.json.encode(order),
            capture_output=True,
            timeout=ORDER_TIMEOUT_S,
            check=True,
        )
        return msgspec.json.decode(done.stdout)


@pytest.fixture(params=ALGORITHMS)
def node(request: pytest.FixtureRequest, script: Path) -> Node:
    """The peer, with each algorithm."""
    return Node(script, request.param)


def order_of(request: PeerRequest) -> dict[str, Any]:
    return {"method": request.method, "url": request.url, "headers": request.headers}


def signed_by(node: Node, target: str = "/v1/lookups?a=b") -> PeerRequest:
    request = peer_request(target)
    request.headers = node.sign(
        order_of(request), name="peer", fields=COVERED, tag=TAG, nonce=NONCE
    )
    return request


def answer_headers() -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "Content-Digest": content_digest(ANSWER),
        "Audit-Receipt": RECEIPT,
    }


@pytest.mark.parametrize("target", ["/v1/lookups", "/a%7eb?x=%5B1%5D&y="])
def test_we_accept_what_node_signs(node: Node, target: str) -> None:
    request = signed_by(node, target)
    signature = parse_request_signature(as_ours(request))
    node.verifier.verify(signature.value, signature_base(signature))
    assert (signature.label, signature.nonce) == ("peer", NONCE)


def test_node_accepts_what_we_sign_and_nothing_else(node: Node) -> None:
    request = peer_request("/v1/lookups?a=b")
    request.headers |= request_signature_headers(
        as_ours(request), signer=node.signer, created=now_s(), nonce=NONCE
    )
    assert node.accepts(order_of(request), tag=TAG)
    request.headers["Content-Digest"] = content_digest(BODY + b" ")
    assert not node.accepts(order_of(request), tag=TAG)


def test_node_accepts_our_response_for_its_own_request_only(node: Node) -> None:
    request = signed_by(node)
    signature_input, value = response_signature_headers(
        status=200,
        content_type="application/json",
        digest=content_digest(ANSWER),
        receipt=RECEIPT,
        request=parse_request_signature(as_ours(request)),
        signer=node.signer,
        created=now_s(),
    )
    signed = {"Signature-Input": signature_input, "Signature": value}
    response = {"status": 200, "headers": answer_headers() | signed}
    assert node.accepts(response, request=order_of(request), tag=RESPONSE_TAG)
    request.method = "PUT"
    assert not node.accepts(response, request=order_of(request), tag=RESPONSE_TAG)


def test_our_client_accepts_the_response_that_node_signs(node: Node) -> None:
    request = signed_by(node)
    headers = node.sign(
        {"status": 200, "headers": answer_headers()},
        request=order_of(request),
        name="gateway",
        fields=("@status", "content-type", "content-digest", "audit-receipt", *BOUND),
        tag=RESPONSE_TAG,
    )
    verify_response_signature(
        status=200,
        lines=lines_of(headers),
        body=ANSWER,
        request=parse_request_signature(as_ours(request)),
        find_verifier={"k-1": node.verifier}.get,
        require_receipt=True,
    )
