# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS towards a department: whom we believe, and who we are.

Everything is PEM text, as `AdapterContext.secret` gives it. The library below reads a private key
from files only, so it is written to one that its owner alone can read, and removed at once.
"""

import ssl
from tempfile import NamedTemporaryFile

from gateway.errors import SetupError


def client_tls(
    *, authorities: str | None = None, chain: str | None = None, key: str | None = None
) -> ssl.SSLContext:
    """A context for `HttpSource`: TLS 1.2 or newer, the department's name checked.

    Args:
        authorities: X.509 certificates that are believed; None is the system's.
        chain: our X.509 certificate, and those up to one that the department believes.
        key: the private key that belongs to it; no password.

    Raises:
        SetupError: text that is not such PEM, or a key of another certificate.
    """
    if (chain is None) != (key is None):
        raise SetupError(
            "a client's chain and its key come together", remedy="give both, or neither."
        )
    if authorities is not None and not authorities.strip():
        raise SetupError(
            "names no authority",  # an empty text would mean: whomever the system believes
            remedy="give PEM text, or leave `authorities` out to believe the system's.",
        )
    try:
        context = ssl.create_default_context(cadata=authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if chain is not None and key is not None:
            with NamedTemporaryFile("w", encoding="ascii", suffix=".pem") as file:
                file.write(f"{chain.strip()}\n{key.strip()}\n")
                file.flush()
                context.load_cert_chain(file.name, password=_no_password)
    except (ssl.SSLError, ValueError):
        raise SetupError(
            "not usable as X.509 certificates and key",
            remedy="give PEM text: authorities, chain and an unencrypted key that fits the chain.",
        ) from None  # the library's message may quote a path, and the text is a secret
    return context


def _no_password() -> str:
    """An encrypted key is refused, and nobody is asked on a terminal."""
    return ""
