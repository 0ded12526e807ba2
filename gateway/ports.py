# SPDX-License-Identifier: Apache-2.0
"""Every interface between rooms, on one page. Rooms know these, and not each other.

Whoever implements a port names it as a base, so that a search for the port finds every one.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Literal, Protocol

import msgspec

from gateway.crypto.identity import EpochCipher
from gateway.errors import AuditError
from gateway.httpsig import RequestSignature
from gateway.model.agency import Agency
from gateway.model.answer import Absent, Found, NotFound, Sealed, Verified
from gateway.model.certificate import CertificateType, Value
from gateway.model.forget import CacheState, Forget
from gateway.model.grant import Decision
from gateway.model.holder import Holder
from gateway.model.item import ServiceItem
from gateway.model.limits import Allowance
from gateway.model.lookup import LookupRequest
from gateway.sdk import Deadline, Query


class Caller(msgspec.Struct, frozen=True):
    """Who signed this request. Made by admission; from here on every outcome is recorded.

    Attributes:
        agency: the agency that the key belongs to.
        signature: what was signed; the response's signature covers it again.
        digest: SHA-256 of the body, 32 bytes, equal to the signed Content-Digest.
        address: the peer's IP address as text.
        x509_sha256: of the X.509 certificate that the connection presented, hexadecimal.
    """

    agency: Agency
    signature: RequestSignature
    digest: bytes
    address: str
    x509_sha256: str | None = None


class Quota(msgspec.Struct, frozen=True):
    """A daily cap to count against.

    Attributes:
        grant: id of the grant (a new version does not start the count anew).
        day: the day in the site's time zone, `YYYY-MM-DD`.
        cap: permitted requests on that day.
    """

    grant: str
    day: str
    cap: int


class Claim(msgspec.Struct, frozen=True):
    """What the sequencer decides for one request, since it alone sees all in order.

    Attributes:
        keyid: with `nonce`, accepted once.
        nonce: as signed.
        expires_at_s: UNIX seconds after which the signature is too old by itself, so that the
            nonce may be forgotten.
        quota: counted only when the nonce is new; None where there is no cap or no permit.
    """

    keyid: str
    nonce: str
    expires_at_s: int
    quota: Quota | None = None


Verdict = Literal["accepted", "replayed", "over_quota"]


class Held(msgspec.Struct, frozen=True):
    """An accepted claim, and the life of the sequencer that accepted it."""

    generation: int


class Appended(msgspec.Struct, frozen=True):
    """The entry is durable at this index of the log."""

    index: int


class AuditLog(Protocol):
    """The one way to the audit log. Every method raises AuditError when the log cannot answer."""

    @property
    def origin(self) -> str:
        """The log's origin, as checkpoints name it."""

    async def claim(self, claim: Claim, deadline: Deadline) -> Held | Verdict:
        """Decide nonce and quota before a department is asked. Not durable by itself."""

    async def append(
        self, entry: bytes, deadline: Deadline, *, claim: Claim | None, held: Held | None = None
    ) -> Appended | Verdict:
        """Make one entry durable.

        With a claim that is not held yet (or held by an earlier life of the sequencer) it is
        decided first; when it is not accepted nothing is written and the verdict is returned.
        Returning `Appended` means: written, synced, under a signed checkpoint.
        """

    def append_soon(
        self,
        entry: bytes,
        deadline: Deadline,
        done: Callable[[Appended | Verdict | AuditError], None],
        *,
        claim: Claim | None,
        held: Held | None = None,
    ) -> None:
        """As `append`, without a coroutine: `done` is called once, and must not raise."""


class Change(msgspec.Struct, frozen=True):
    """A holder's records have changed.

    Attributes:
        id: of the request, and of the act that records it.
        certificates: names of the certificate types that are meant.
        changed_at: RFC 3339 UTC, seconds; as the department says.
    """

    id: str
    holder: Holder
    certificates: tuple[str, ...]
    changed_at: str


class Announcer(Protocol):
    """How a change reaches every cache."""

    async def announce(
        self, entry: bytes, forget: Forget, deadline: Deadline, *, claim: Claim | None
    ) -> Appended | Verdict:
        """Make the record of a change durable, then have every worker forget.

        A claim is decided first, as by `AuditLog.append`. `Appended` means: recorded, and no worker
        serves what it kept before.
        """


class Forgetful(Protocol):
    """A cache that can be told."""

    def restart(self, secret: bytes) -> None:
        """Forget everything, and know holders by tags under this secret from now on."""

    def tags(self, scheme: str, number: str, certificates: tuple[str, ...]) -> tuple[bytes, ...]:
        """By what a holder is known, for `Forget`."""

    def forget(self, forget: Forget) -> None:
        """Give none of it any more, and keep nothing of it that is on its way."""

    async def void(self, forget: Forget) -> float:
        """Have other nodes forget.

        Returns:
            Monotonic seconds from which on none of them serves what it kept before.

        Raises:
            StoreError: it is not known that they will.
        """

    def state(self) -> CacheState:
        """What there is to say about it."""


class Owners(Protocol):
    """Which department answers for which adapters."""

    def adapters_of(self, caller: Caller) -> tuple[str, ...]:
        """Names of the adapters that the identified department answers for."""


class ChangeLog(Protocol):
    """How a change is recorded and made known. Every method raises AuditError."""

    async def signal(self, caller: Caller, change: Change, deadline: Deadline) -> int | None:
        """Record a department's signal, and have every cache forget; returns the record's index.

        None for a request that was received before, of which nothing is recorded yet.

        Raises:
            StoreError: other nodes cannot be told; nothing is recorded yet.
        """

    async def notice(
        self, adapter: str, holder: Holder, certificates: tuple[str, ...], deadline: Deadline
    ) -> None:
        """Record that an adapter learned of a change, and have every cache forget.

        Raises:
            StoreError: as `signal`.
        """

    async def refuse(
        self,
        caller: Caller,
        request_id: str,
        holder: Holder | None,
        code: str,
        deadline: Deadline,
        *,
        is_replay: bool = False,
    ) -> int | None:
        """Record that a signal was refused; returns as `signal`. A replay is not decided again."""


class Epochs(Protocol):
    """The keys under which the log knows holders.

    Attributes:
        current: of the month that it is; another object from one request to the next.
    """

    current: EpochCipher


class RateLimits(Protocol):
    """How often. Decided at once in this process; None where no limit is configured."""

    def take_agency(self, agency: Agency) -> Allowance | None:
        """Count one identified request of the agency."""

    def take_department(self, agency: Agency, adapter: str) -> Allowance | None:
        """Count one permitted request of the agency to a department's adapter."""


class Examined(Protocol):
    """A request that has passed every check of who is asking but its signature's."""

    def verify(self) -> Caller:
        """Verify the signature; raises RequestError."""


class Pressure(Protocol):
    """Whether there is more to do than can be done in time; `limit` requests a turn of the loop."""

    limit: int

    def admits(self, agency: str) -> bool:
        """Count one request, unless it has to be refused.

        Args:
            agency: who signed the last request on its connection; empty where there was none.
        """

    def end_turn(self, looked_up_count: int) -> None:
        """Note that this turn of the event loop is done, and how many of the admitted held good."""


class Catalog(Protocol):
    """The published list of items 清单."""

    def find(self, code: str) -> ServiceItem | None:
        """The published item of that code."""


class AccessPolicy(Protocol):
    """Whether they may.

    Attributes:
        version: another object whenever the same request may be decided otherwise, but for its
            day and its minute: grants, share types, items, operators. Where the minute has a part
            in it, `Permit.is_timed` says so.
    """

    @property
    def version(self) -> object:
        """See above."""

    def decide(
        self,
        agency: Agency,
        request: LookupRequest,
        holder: Holder,
        item: ServiceItem | None,
        certificate: CertificateType | None,
        *,
        today: date,
        minute: int,
        address: str,
    ) -> Decision:
        """Decide everything from `certificate` to `fields` of `CHECKS`; deny by default."""


Cached = Sealed | Absent


class Obtained(msgspec.Struct, frozen=True):
    """An answer, and whether it had been kept somewhere instead of being asked for now."""

    answer: Cached
    is_kept: bool


class ResultCache(Protocol):
    """Sealed answers of the recent past. A miss is always a safe answer.

    Attributes:
        keying: another object whenever keys that were made before must not be used any more.
    """

    @property
    def keying(self) -> object:
        """See above."""

    def key(
        self,
        holder: Holder,
        certificate: CertificateType,
        *,
        agency: str,
        item: str,
        case: str,
        grant: str,
        adapter: str,
        keys: Mapping[str, Value],
    ) -> bytes | None:
        """The keyed hash under which this question may share an answer; None is never.

        Args:
            adapter: that would be asked; what another one says is no answer.
            keys: claims of the certificate's key fields.
        """

    def get(self, key: bytes, max_age_s: int | None) -> Cached | None:
        """A fresh answer, not older than `max_age_s`."""

    def get_stale(self, key: bytes | None, max_age_s: int | None) -> Sealed | None:
        """An answer whose time is over by no more than its type allows; never an absence."""

    def peek(self, key: bytes) -> Cached | None:
        """What may still be given, if only as a stale answer; counts as nothing."""

    async def obtain(
        self,
        key: bytes | None,
        certificate: CertificateType,
        max_age_s: int | None,
        source: Callable[[], Awaitable[Cached]],
    ) -> Obtained:
        """For who found nothing by `get`: what was kept since, here or by others, or else `source`.

        `source` is asked once for all concurrent callers of this key, and its answer kept.
        """


class AdapterDirectory(Protocol):
    """Departments by the certificates that they answer."""

    @property
    def certificates(self) -> Mapping[str, CertificateType]:
        """All certificate types, by name."""

    def adapter_of(self, certificate: str, division: str | None) -> str | None:
        """Name of the adapter that answers this certificate there, the nearest one; or None."""

    def certificates_of(self, adapter: str) -> frozenset[str]:
        """Names of all that the adapter answers, wherever; nothing for one that is not here."""

    def verifies(self, adapter: str) -> bool:
        """Whether the department compares claims by itself."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask the department, guarded; raises DepartmentError and nothing else."""

    async def verify(self, query: Query, deadline: Deadline) -> Verified | NotFound | None:
        """Let the department compare `query.claims`; None is: compare with what `lookup` answers.

        Guarded as `lookup` is.
        """

    async def health(self) -> Mapping[str, str]:
        """`ok`, or the code or state of what is wrong, by adapter name."""


class Sealer(Protocol):
    """The room of signatures that outlive us."""

    def seal(self, certificate: CertificateType, adapter: str, found: Found) -> Sealed:
        """Seal an answer under the key of its department's adapter."""

    def disclose(self, sealed: Sealed, fields: Sequence[str]) -> str:
        """The SD-JWT that shows these fields and no other."""

    def reveal(self, sealed: Sealed, fields: Iterable[str]) -> dict[str, Value]:
        """The values of these fields, as far as the certificate has them."""
