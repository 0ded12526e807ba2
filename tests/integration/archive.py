# SPDX-License-Identifier: Apache-2.0
"""A declared department over real HTTP whose answers age fast, and that hangs as it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from fixtures.world import World
from gateway.config import load_site
from gateway.keyring import make_missing_keys

CARD, ITEM = "archive.card", "yq-arc-001"
SHARED, VERIFIED, NOBODYS = "档案证明", "档案核验", "到场确认"
_ADAPTER = """
plugin = "declarative"
timeout_s = 3

[settings]
url = "http://127.0.0.1:{port}"

[declarative]
api_version = 1
description = "Archive cards, JSON over HTTP."
department = {{ en = "Archive", zh = "档案馆" }}
ping = {{ path = "/health" }}

[[declarative.certificates]]
name = "archive.card"
title = {{ en = "Archive card", zh = "档案证明" }}
schemes = ["cn-id"]
ttl_s = 1
stale_s = 3600
cache_scope = "case"
holder_field = "id_number"

[declarative.certificates.http]
path = "/cards"
body = {{ zjhm = "{{number}}" }}
records = "data"
code = "code"
success = ["0"]
not_found = ["404"]

[[declarative.certificates.fields]]
name = "id_number"
title = {{ en = "ID number", zh = "公民身份号码" }}
sensitivity = "sensitive"
from = "zjhm"

[[declarative.certificates.fields]]
name = "shelf"
title = {{ en = "Shelf", zh = "库位" }}
from = "kw"
"""
_GRANT = """
[[grants]]
id = "yq-gjj-archive"
version = 1
agency = "yq-gjj"
certificate = "archive.card"
operations = ["query", "verify"]
fields = ["shelf"]
items = ["yq-arc-001"]
valid_from = 2026-01-01
valid_until = 2099-12-31
basis = "档案法（演示）"
"""
_ITEM = f"""
[[items]]
code = "{ITEM}"
name = "档案查阅"
certificate_name = "居民身份证"
item_type = "公共服务"
department = "档案馆（利用科）"
time_limit = "5个工作日"

[[items.materials]]
name = "{SHARED}"
certificate = "archive.card"
fields = ["shelf"]
deferral = {{due_working_days = 2, promise = "本人承诺于受理之日起2个工作日内补交。"}}

[[items.materials]]
name = "{VERIFIED}"
certificate = "archive.card"
fields = ["shelf"]
operation = "verify"
commitment = {{text = "本人承诺所填属实。", check_within_working_days = 30}}
"""


class Archive:
    """The department's system; `is_well` clear: it hangs."""

    def __init__(self) -> None:
        self.is_well = threading.Event()
        self.is_well.set()
        self.asked_count = 0
        archive = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                archive.asked_count += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                number = msgspec.json.decode(body)["zjhm"]
                self._answer({"code": "0", "data": [{"zjhm": number, "kw": "A-17"}]})

            def _answer(self, said: object) -> None:
                archive.is_well.wait()
                body = msgspec.json.encode(said)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle(self) -> None:
                with suppress(ConnectionError):  # who asked has given up
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    @contextmanager
    def serving(self) -> Iterator["Archive"]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.is_well.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def join(self, world: World) -> None:
        """Write it into a site that does not run yet."""
        for name, text in (
            ("adapters", _ADAPTER.format(port=self.port)),
            ("grants", _GRANT),
            ("items", _ITEM),
        ):
            (world.site / f"{name}/archive.toml").write_text(text)
        make_missing_keys(load_site(world.site))
