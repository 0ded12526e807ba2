# SPDX-License-Identifier: Apache-2.0
"""A timestamp authority: `openssl ts` behind a small HTTP server in a thread."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

CONFIG = """\
[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = tsa.crt
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[req]
distinguished_name = name
[name]
[stamps]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[signs]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,codeSigning
[roots]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
"""


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_authority(folder: Path, extensions: str = "stamps") -> None:
    """Make `root.crt` and `tsa.crt`, with their keys."""
    folder.mkdir(exist_ok=True)
    (folder / "tsa.cnf").write_text(CONFIG)
    (folder / "serial").write_text("01\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        folder, "req", "-x509", *key, "-keyout", "root.key", "-out", "root.crt", "-days", "2",
        "-subj", "/CN=Test root", "-config", "tsa.cnf", "-extensions", "roots",
    )  # fmt: skip
    openssl(
        folder, "req", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test TSA",
        "-config", "tsa.cnf",
    )  # fmt: skip
    openssl(
        folder, "x509", "-req", "-in", "tsa.csr", "-CA", "root.crt", "-CAkey", "root.key",
        "-CAcreateserial", "-days", "2", "-extfile", "tsa.cnf", "-extensions", extensions,
        "-out", "tsa.crt",
    )  # fmt: skip


def reply_to(folder: Path, question: bytes) -> bytes:
    """Answer a question in DER."""
    (folder / "q").write_bytes(question)
    openssl(folder, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q", "-out", "r")
    return (folder / "r").read_bytes()


class Authority:
    """An authority that can be switched off, and on again at the same port."""

    def __init__(self, folder: Path) -> None:
        make_authority(folder)
        self.folder = folder
        self.is_lying = False
        self.count = 0
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/tsa"

    @property
    def settings(self) -> str:
        """For `[audit.timestamps]`, but for the times."""
        return (
            f'url = "{self.url}"\ncertificate = "{self.folder}/tsa.crt"\n'
            f'roots = "{self.folder}/root.crt"\n'
        )

    def start(self) -> None:
        server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server, self._port = server, server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"] == "application/timestamp-query"
                question = self.rfile.read(int(self.headers["Content-Length"]))
                reply = reply_to(authority.folder, question)
                if authority.is_lying:  # the digest that is told is another
                    reply = reply.replace(question[24:56], bytes(32))
                authority.count += 1
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
                pass

        return Handler


def told(url: str) -> dict[str, Any]:
    """What /readyz says, ready or not."""
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(f"{url}/readyz", timeout=60) as answer:
            body = answer.read()
    except HTTPError as error:
        body = error.read()
    parts: dict[str, Any] = msgspec.json.decode(body)["dependencies"]
    return parts
