# SPDX-License-Identifier: Apache-2.0
"""The site that is measured: the demo's, with caps and limits that are counted but never met.

A closed loop lets as many requests wait as it has connections, which on a slow machine is what
`http.max_wait_ms` refuses. So that limit is high, too, but for overload and stampede, which are
about it.
"""

from pathlib import Path
from typing import Final

from fixtures.world import World

#: As many as the stampede, and some.
_CONNECTIONS: Final = 8192

_HTTP: Final = "[http]\n"
_UNMET_WAIT: Final = "max_wait_ms = 1000\n"

SETTINGS: Final = """
[limits]
agency_per_s = 1000000
department_per_s = 1000000
"""

_GRANT: Final = """
[[grants]]
id = "yq-gjj"
version = 3
agency = "yq-gjj"
certificate = "public_security.identity"
operations = ["query", "verify"]
fields = ["name", "sex_code", "birth_date", "valid_from", "valid_to"]
items = ["yq-gjj-001"]
valid_from = 2026-01-01
valid_until = 2099-12-31
daily_cap = 1000000000
networks = ["127.0.0.0/8"]
basis = "住房公积金管理条例（演示）"
"""


class BenchWorld(World):
    """A world of one department, whose one grant counts against a cap of a thousand million.

    Attributes:
        register_url: where the population register listens, once it does.

    The other departments are left out: nothing asks them, and their systems would cost time.
    """

    def __init__(self, folder: Path, *, workers: int = 1) -> None:
        super().__init__(folder, workers=workers, settings=SETTINGS)
        self.register_url = ""
        for file in (self.site / "adapters").glob("*.toml"):
            if file.stem != "public_security":
                file.unlink()
        for file in (self.site / "departments").glob("*.toml"):
            if '"public_security"' not in file.read_text():
                file.unlink()
        (self.site / "grants/demo.toml").write_text(_GRANT)
        config = self.site / "gateway.toml"
        config.write_text(
            config.read_text().replace(
                _HTTP, f"{_HTTP}max_connections = {_CONNECTIONS}\n{_UNMET_WAIT}"
            )
        )

    def restart_with_usual_wait(self) -> None:
        """Start the gateway again, once, with the limit of production on what waits."""
        config = self.site / "gateway.toml"
        text = config.read_text()
        if _UNMET_WAIT not in text:
            return
        self.gateway.stop()
        config.write_text(text.replace(_UNMET_WAIT, ""))
        self.start_gateway()

    def start_departments(self) -> None:
        """Start the population register, and tell the site where it is."""
        ready = self.public_security.start()
        self.register_url = f"http://127.0.0.1:{ready['port']}"
        self.write_adapter("public_security")
