# SPDX-License-Identifier: Apache-2.0
"""F-10 with a reverse proxy in front: two real parsers in a row, and one connection between them.

nginx reads a message its way and writes it anew; what it lets through must be refused by the
gateway, or framed as nginx framed it. Were they to disagree, bytes of one caller would begin the
next request on the connection behind the proxy; so after each message an honest caller asks there.

1. The connection to the gateway is shared: nginx keeps exactly one idle.
2. Each message is sent in both of nginx's ways: bodies passed on as they come, and bodies kept
   until they are whole (which turns chunks into a length).
"""

import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fixtures.ports import take_port
from fixtures.world import World
from tests.faults.malformed import FRAMED, refused
from tests.faults.sender import LIMIT_S, Sender, heads_of, parse_answer, status_of
from tests.integration.wire import Answer, asked_count, log_entries, verify_signed

CORPUS = (*((case.name, case.raw) for case in refused()), *((row[0], row[1]) for row in FRAMED))
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
PROXY_MAY_SAY = {100, 400, 405, 408, 411, 413, 414, 501, 505}
CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 128; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_header_timeout 2s; client_body_timeout 2s; client_header_buffer_size 16k;
  large_client_header_buffers 4 32k; ignore_invalid_headers off; merge_slashes off;
  upstream gateway {{ server {gateway}; keepalive 1; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://gateway; proxy_http_version 1.1; proxy_next_upstream off;
      proxy_ignore_client_abort on;
      proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_request_buffering {buffering};
    }}
  }}
}}
"""

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (nginx-light)")


def is_up(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), LIMIT_S).close()
    except ConnectionError:
        return False
    return True


@pytest.fixture(params=["off", "on"], ids=["passed on", "kept until whole"])
def proxy(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a proxy of the gateway; it runs as we do, in a folder of its own."""
    port = take_port()
    config = CONFIG.format(
        folder=tmp_path, gateway=urlsplit(world.url).netloc, port=port, buffering=request.param
    )
    (tmp_path / "nginx.conf").write_text(config)
    child = subprocess.Popen(
        [NGINX or "", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"],
        stdin=subprocess.DEVNULL,
    )
    try:
        while not is_up(port):
            assert child.poll() is None, (tmp_path / "error.log").read_text()
        yield port
    finally:
        child.terminate()
        child.wait(LIMIT_S)


def ask(sender: Sender) -> Answer:
    """An honest request over a connection of its own; its answer is bound to it."""
    draft = sender.draft()
    received = bytearray()
    with socket.create_connection(sender.address, LIMIT_S) as sock:
        sock.sendall(draft.with_fields(Connection="close").encode())
        while part := sock.recv(65536):
            received += part
    answer = parse_answer(received)
    assert answer.status == 200, answer
    verify_signed(sender.world, draft, answer)
    return answer


@pytest.mark.timeout(300)
def test_two_parsers_never_disagree(
    world: World, proxy: int, record_property: Callable[[str, object], None]
) -> None:
    sender = Sender(world, ("127.0.0.1", proxy))
    first = ask(sender)
    seen = Counter[str]()
    size, asked = len(log_entries(world)), asked_count(world)
    for name, raw in CORPUS:
        received, _ = sender.converse(raw, answers=3, ends=True)
        if received and not received.startswith(b"HTTP/"):  # nginx speaks HTTP/0.9 to who does
            assert b"<html>" in received or b'"code":"HTTP_UNACCEPTABLE"' in received, name
            seen["without a head"] += 1
            received = b""
        heads = heads_of(received)
        answers = [
            head
            for head in heads
            if status_of(head) != 100 and b"\r\nContent-Type: text/html" not in head
        ]
        seen["by the proxy"] += len(heads) - len(answers)
        seen["by the gateway"] += len(answers)
        recorded = [head for head in heads if b"\r\nAudit-Receipt: " in head]
        found = [head for head in recorded if status_of(head) == 200]
        size, asked = size + len(recorded), asked + len(found)
        assert len(recorded) <= 1, name
        assert (log_entries(world, size), asked_count(world)) == ([], asked), name
        seen["permitted"] += len(found)
        assert all(status_of(head) < 500 for head in answers), (name, heads)
        # A proxy refuses what it does not implement; what it could not read would be a 502.
        assert {status_of(head) for head in heads} <= PROXY_MAY_SAY | {*map(status_of, answers)}, (
            name
        )
        assert int(ask(sender).fields["audit-receipt"].rpartition("index=")[2]) == size, name
        size, asked = size + 1, asked + 1
        assert (log_entries(world, size), asked_count(world)) == ([], asked), name
    for what, count in seen.items():
        record_property(what, count)
    record_property("messages", len(CORPUS))
    assert first.document["outcome"] == "found"
