# SPDX-License-Identifier: Apache-2.0
"""How a request says who sends it: the dialects of Chinese exchange platforms. Pure; no clock.

===================  ==================================  =====================================
dialect              headers                             signature
===================  ==================================  =====================================
`NationalSignIn`     ``<prefix>_rid _sid _rtime _sign``  HMAC-SHA256 over sid ‖ rid ‖ rtime
`MunicipalSignIn`    ``gateway_appid _rtime _sig``       HMAC-SHA256 over appid ‖ rtime
`IrsSignIn`          ``X-BG-HMAC-*``, ``X-BG-DATE-TIME`` HMAC-SHA256 over six lines, see there
`TifSignIn`          ``x-tif-*``                         SHA-256 over time ‖ token ‖ nonce ‖ time
`LegacyMd5SignIn`    ``appKey requestTime sign``         MD5 over appKey ‖ secret ‖ requestTime
`Bearer`             ``Authorization``                   none: whoever has the token is believed
===================  ==================================  =====================================

HMACs are printed in base64, plain digests in lower-case hexadecimal.

Rules:

1. None of these covers the body: they say who calls, not what was said. Use TLS under them.
2. `headers` makes the headers of one call; `moment` reads time and nonce back out of them, so that
   whoever holds the secret can make them again and compare (`is_signed`).
3. A dialect that is known to be weak says so in `weakness`, and the kits refuse it unless the site
   states `insecure = true`.
"""

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import ClassVar, Final, Literal, Protocol
from urllib.parse import parse_qsl, urlencode

import msgspec

from gateway.crypto.digest import b64_encode, hmac_sha256, md5_insecure, sha256
from gateway.errors import SetupError

#: Milliseconds by which the clocks of caller and platform may differ (national, municipal).
MAX_SKEW_MS: Final = 10 * 60 * 1000

_DECIMAL: Final = re.compile(r"[0-9]{1,16}")


class Call(msgspec.Struct, frozen=True):
    """What is signed of a request.

    Attributes:
        method: upper-case.
        path: as sent, with the path of the base URL, without the query.
        query: as sent, without `?`.
    """

    method: str
    path: str
    query: str = ""


class Dialect(Protocol):
    """One way to say who calls."""

    @property
    def weakness(self) -> str:
        """Why this dialect protects little, one clause; empty where it does not."""

    def headers(self, call: Call, now_ms: int, nonce: str) -> Mapping[str, str]:
        """The headers of one call.

        Args:
            call: the request.
            now_ms: milliseconds since the epoch.
            nonce: printable ASCII, never used before.
        """

    def moment(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Time in milliseconds and nonce that these headers state; None where they state none."""


class NationalSignIn(msgspec.Struct, frozen=True):
    """National data-sharing and exchange platform 国家数据共享交换平台, and the service platform.

    Attributes:
        requester: `rid`, as the platform assigned it.
        service: `sid` of the service that is called.
        secret: shared with the platform; in no repr.
        prefix: `gjgxjhpt` for the exchange platform, `gjzwfwpt` for the service platform.
    """

    requester: str
    service: str
    secret: str
    prefix: Literal["gjgxjhpt", "gjzwfwpt"] = "gjgxjhpt"

    weakness: ClassVar[str] = ""

    def headers(self, _call: Call, now_ms: int, _nonce: str) -> Mapping[str, str]:
        """The four headers; time is milliseconds since the epoch."""
        signed = f"{self.service}{self.requester}{now_ms}"
        return {
            f"{self.prefix}_rid": self.requester,
            f"{self.prefix}_sid": self.service,
            f"{self.prefix}_rtime": str(now_ms),
            f"{self.prefix}_sign": _hmac(self.secret, signed),
        }

    def moment(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Time; there is no nonce."""
        return _milliseconds(headers.get(f"{self.prefix}_rtime", ""))

    def __repr__(self) -> str:
        return f"NationalSignIn({self.requester}, {self.service})"


class MunicipalSignIn(msgspec.Struct, frozen=True):
    """Gateways of cities and provinces that share one product.

    Attributes:
        app: `appid`, as the gateway assigned it.
        secret: the app's key, or the key of the session; in no repr.
    """

    app: str
    secret: str

    weakness: ClassVar[str] = ""

    def headers(self, _call: Call, now_ms: int, _nonce: str) -> Mapping[str, str]:
        """The three headers; time is milliseconds since the epoch."""
        return {
            "gateway_appid": self.app,
            "gateway_rtime": str(now_ms),
            "gateway_sig": _hmac(self.secret, f"{self.app}{now_ms}"),
        }

    def moment(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Time; there is no nonce."""
        return _milliseconds(headers.get("gateway_rtime", ""))

    def __repr__(self) -> str:
        return f"MunicipalSignIn({self.app})"


class IrsSignIn(msgspec.Struct, frozen=True):
    """Zhejiang's integrated resource system (IRS).

    Signed are six lines, each with its line end: method, path, query with its names in order,
    access key, date, and nothing more.

    Attributes:
        access_key: `ak`, as the system assigned it.
        secret: `sk`; in no repr.
    """

    access_key: str
    secret: str

    weakness: ClassVar[str] = ""

    def headers(self, call: Call, now_ms: int, _nonce: str) -> Mapping[str, str]:
        """The four headers; the date is that of RFC 1123, in whole seconds."""
        date = format_datetime(datetime.fromtimestamp(now_ms // 1000, UTC), usegmt=True)
        query = urlencode(sorted(parse_qsl(call.query, keep_blank_values=True)))
        lines = (call.method, call.path, query, self.access_key, date, "")
        return {
            "X-BG-HMAC-SIGNATURE": _hmac(self.secret, "\n".join(lines)),
            "X-BG-HMAC-ALGORITHM": "hmac-sha256",
            "X-BG-HMAC-ACCESS-KEY": self.access_key,
            "X-BG-DATE-TIME": date,
        }

    def moment(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Time, in whole seconds; there is no nonce."""
        try:
            date = parsedate_to_datetime(headers.get("X-BG-DATE-TIME", ""))
        except ValueError:
            return None
        return int(date.timestamp()) * 1000, ""

    def __repr__(self) -> str:
        return f"IrsSignIn({self.access_key})"


class TifSignIn(msgspec.Struct, frozen=True):
    """Guangdong's integration framework (TIF).

    Attributes:
        app: `paasid`, as the framework assigned it.
        token: shared with the framework; in no repr.
    """

    app: str
    token: str

    weakness: ClassVar[str] = ""

    def headers(self, _call: Call, now_ms: int, nonce: str) -> Mapping[str, str]:
        """The four headers; time is seconds since the epoch."""
        now = str(now_ms // 1000)
        return {
            "x-tif-paasid": self.app,
            "x-tif-timestamp": now,
            "x-tif-nonce": nonce,
            "x-tif-signature": sha256(f"{now}{self.token}{nonce}{now}".encode()).hex(),
        }

    def moment(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Time, in whole seconds, and nonce."""
        now = headers.get("x-tif-timestamp", "")
        if not _DECIMAL.fullmatch(now):
            return None
        return int(now) * 1000, headers.get("x-tif-nonce", "")

    def __repr__(self) -> str:
        return f"TifSignIn({self.app})"


class LegacyMd5SignIn(msgspec.Struct, frozen=True):
    """What some platforms had before HMAC; only where the department has nothing better.

    Attributes:
        app: `appKey`, as the platform assigned it.
        secret: shared with the platform; in no repr.
    """

    app: str
    secret: str

    weakness: ClassVar[str] = "MD5 is broken, and over a secret it is no signature"

    def headers(self, _call: Call, now_ms: int, _nonce: str) -> Mapping[str, str]:
        """The three headers; time is milliseconds since the epoch."""
        return {
            "appKey": self.app,
            "requestTime": str(now_ms),
            "sign": md5_insecure(f"{self.app}{self.secret}{now_ms}".encode()).hex(),
        }

    def moment(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Time; there is no nonce."""
        return _milliseconds(headers.get("requestTime", ""))

    def __repr__(self) -> str:
        return f"LegacyMd5SignIn({self.app})"


class Bearer(msgspec.Struct, frozen=True):
    """A token in the `Authorization` header (RFC 6750).

    Attributes:
        token: in no repr.
    """

    token: str

    weakness: ClassVar[str] = ""

    def headers(self, _call: Call, _now_ms: int, _nonce: str) -> Mapping[str, str]:
        """The one header."""
        return {"Authorization": f"Bearer {self.token}"}

    def moment(self, _headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Nothing is stated."""
        return None

    def __repr__(self) -> str:
        return "Bearer(…)"


def is_signed(
    dialect: Dialect,
    call: Call,
    headers: Mapping[str, str],
    now_ms: int,
    *,
    max_skew_ms: int = MAX_SKEW_MS,
) -> bool:
    """Whether these headers are what the holder of the dialect's secret makes; for simulators."""
    stated = dialect.moment(headers)
    if stated is not None and abs(stated[0] - now_ms) > max_skew_ms:
        return False
    expected = dialect.headers(call, *(stated or (0, "")))
    return all(
        hmac.compare_digest(value.encode(), headers.get(name, "").encode())
        for name, value in expected.items()
    )


def refuse_weak(dialect: Dialect, *, insecure: bool) -> None:
    """Refuse a weak dialect that the site does not ask for in so many words.

    Raises:
        SetupError: says what the weakness is, and how to accept it.
    """
    if dialect.weakness and not insecure:
        raise SetupError(
            f"the sign-in is insecure: {dialect.weakness}",
            remedy="ask the department for another dialect; write `insecure = true` to accept "
            "that whoever sees one request may sign others.",
        )


def _hmac(secret: str, signed: str) -> str:
    return b64_encode(hmac_sha256(secret.encode(), signed.encode()))


def _milliseconds(text: str) -> tuple[int, str] | None:
    return (int(text), "") if _DECIMAL.fullmatch(text) else None
