# SPDX-License-Identifier: Apache-2.0
"""X.509 certificates made as the how-to says, and the settings that name them."""

import re
import ssl
import subprocess
from pathlib import Path

from gateway.client import make_tls

HOW_TO = Path(__file__).parents[2] / "docs/how-to/serve-tls.md"
#: No test waits for it; it also bounds a handshake, which takes long on a busy machine.
HEADER_TIMEOUT_S = 30.0
SETTINGS = f"""[http]
tls_chain = "keys/tls.crt"
tls_key = "keys/tls.key"
client_ca = "keys/ca.crt"
header_timeout_s = {HEADER_TIMEOUT_S}
"""


class Authority:
    """A folder in which the commands of the how-to were run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for block in re.findall(
            r"^```sh\n(.*?)^```$", HOW_TO.read_text(), re.MULTILINE | re.DOTALL
        ):
            self._run(block.replace("DNS:gateway.example", "DNS:gateway.example,IP:127.0.0.1"))

    def issue(self, name: str, *names: str, days: int = 30) -> Path:
        """A further X.509 certificate `<name>.crt` with its key."""
        alt = f'-addext "subjectAltName={",".join(names)}"' if names else ""
        self._run(
            f"openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} "
            f"{alt} -keyout {name}.key -out {name}.csr && chmod 600 {name}.key && "
            f"openssl x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial "
            f"-days {days} -copy_extensions copy -out {name}.crt"
        )
        return self.folder / f"{name}.crt"

    def tls(self, name: str | None = None, ca: Path | None = None) -> ssl.SSLContext:
        """What a client trusts and presents."""
        own = None if name is None else self.folder / f"{name}.crt"
        key = None if name is None else self.folder / f"{name}.key"
        return make_tls(ca=ca or self.folder / "ca.crt", x509=own, x509_key=key)

    def install(self, site: Path, name: str = "tls") -> None:
        """Put the gateway's files where its configuration looks for them."""
        for source, target in (
            (f"{name}.crt", "tls.crt"),
            (f"{name}.key", "tls.key"),
            ("ca.crt",) * 2,
        ):
            (site / "keys" / target).write_bytes((self.folder / source).read_bytes())
        (site / "keys/tls.key").chmod(0o600)

    def _run(self, script: str) -> None:
        subprocess.run(
            ["/bin/sh", "-ec", script], cwd=self.folder, check=True, capture_output=True, timeout=30
        )


def configure(site: Path, text: str = SETTINGS) -> None:
    """Have `[http]` begin so."""
    config = site / "gateway.toml"
    before = re.sub(r"(?s)\[http\].*?\nport", "[http]\nport", config.read_text())
    config.write_text(before.replace("[http]\n", text))
