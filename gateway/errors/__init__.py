# SPDX-License-Identifier: Apache-2.0
"""The one tree of errors.

::

    GatewayError            refusal: what callers are told · detail: what was wrong
    ├─ RequestError         the caller's side; nothing was disclosed
    ├─ DepartmentError      the department's side; names the adapter
    │  ├─ AdapterUnavailable      not reachable, or it said that it is down; may be retried
    │  ├─ AdapterTimeout          no answer before the deadline; may be retried
    │  ├─ AdapterContractBroken   it answered, and the answer is not what it promised
    │  └─ AdapterRefused          it answered that it will not tell us
    ├─ TrustError           a signature or proof does not hold; never retried, never ignored
    ├─ AuditError           the access could not be recorded, so nothing may leave
    ├─ StoreError           what nodes share is away; matters to who changes something
    └─ SetupError           found at start-up or by a command; names the file and the remedy

Rules:

1. Every error carries one `Refusal` of `gateway.errors.codes`: stable code, HTTP status, whose
   fault it is, whether a retry can help, and a bilingual hint. docs/reference/errors.md is
   generated from that table.
2. `detail` is shown to callers and written to logs: it never holds an ID number, a name, a field
   value or a key. Text from a department's system goes no further than `DepartmentError.cause`.
3. *Denied* and *not found* are values, not errors (`gateway.model.grant`, `gateway.model.answer`).
"""

from typing import TypeVar, cast

from gateway.errors.codes import CHECKS, REFUSALS, Attribution, Refusal, Text

E = TypeVar("E", bound=BaseException)

__all__ = [
    "CHECKS",
    "REFUSALS",
    "AdapterContractBroken",
    "AdapterRefused",
    "AdapterTimeout",
    "AdapterUnavailable",
    "Attribution",
    "AuditError",
    "DepartmentError",
    "GatewayError",
    "Refusal",
    "RequestError",
    "SetupError",
    "StoreError",
    "Text",
    "TrustError",
]


class GatewayError(Exception):
    """Root of everything that this project raises on purpose.

    Args:
        code: a key of `REFUSALS`; an unknown one is a programming error (`KeyError`).
        detail: one sentence on what was wrong and where; safe to show to the caller.
        retry_after_s: seconds after which a retry makes sense, where that is known.
    """

    def __init__(self, code: str, detail: str = "", *, retry_after_s: int | None = None) -> None:
        self.refusal = REFUSALS[code]
        self.detail = detail
        self.retry_after_s = retry_after_s
        super().__init__(f"{code}: {detail}" if detail else code)

    @property
    def code(self) -> str:
        """The stable code, e.g. `SIGNATURE_INVALID`."""
        return self.refusal.code


class RequestError(GatewayError):
    """The request cannot be served as it is, and only its sender can mend it."""


class DepartmentError(GatewayError):
    """A department's system did not give a usable answer.

    Args:
        cause: technical words for our own log (e.g. "connection refused"); never sent to a caller.
        retry_after_s: seconds, where the department said so.
    """

    CODE = "PROVIDER_ERROR"

    def __init__(self, cause: str = "", *, retry_after_s: int | None = None) -> None:
        super().__init__(self.CODE, retry_after_s=retry_after_s)
        self.cause = cause
        self.adapter = ""  # set by the guard, which knows the adapter's name


class AdapterUnavailable(DepartmentError):
    """The department's system cannot be reached or said that it is down."""

    CODE = "PROVIDER_UNAVAILABLE"


class AdapterTimeout(DepartmentError):
    """The department's system did not answer before the deadline."""

    CODE = "PROVIDER_TIMEOUT"


class AdapterContractBroken(DepartmentError):
    """The department's system answered something that its adapter did not promise."""

    CODE = "PROVIDER_ERROR"


class AdapterRefused(DepartmentError):
    """The department's system refused to answer us (credentials, its own rules)."""

    CODE = "PROVIDER_REFUSED"


class TrustError(GatewayError):
    """A signature, a digest or a proof does not hold."""


class AuditError(GatewayError):
    """The audit record could not be made durable."""


class StoreError(GatewayError):
    """What nodes share cannot be reached. A lookup goes on without it; a change cannot."""


class SetupError(GatewayError):
    """Configuration, a key file or an adapter cannot be used.

    Args:
        where: file and path inside it, e.g. `gateway.toml: $.http.port`.
        remedy: what to do about it, one sentence.
    """

    def __init__(self, detail: str, *, where: str = "", remedy: str = "") -> None:
        parts = [f"{where}: {detail}" if where else detail]
        if remedy:
            parts.append(f"Remedy: {remedy}")
        super().__init__("SETUP_INVALID", " ".join(parts))
        self.where = where
        self.remedy = remedy


def first_of(group: "BaseExceptionGroup[E]") -> E:
    """One of the errors in a group, which may hold groups.

    It is to be raised behind `except*` and not in it: CPython before 3.11.4, as Debian 12 has it,
    puts what is raised there into a group again.
    """
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return cast(E, found)
