# SPDX-License-Identifier: Apache-2.0
"""Marriages: the query as adapter.toml declares it, and the office's own two ways to verify.

::

    POST /hydj/verify        {"head": {…}, "data": {"zjhm", "ywlx"}}           one person's state
    POST /hydj/verify-both   {"head": {…}, "data": {"nf", "nv", "ywlx"}}       two people's
                             {"head": {"code": "0"}, "data": {"jg": "1"}}

`jg` is 1 一致, 0 不一致, 2 无记录. The office compares with the newest act and says no more than
that, which is why it is asked to rather than the record fetched.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta

from gateway.sdk import ClaimResult, Deadline, NotFound, Query, Value, Verified
from gateway.sdk.kits.declarative.adapter import DeclaredAdapter, read_declaration
from gateway.sdk.kits.declarative.declaration import Declaration
from gateway.sdk.kits.declarative.questions import HttpQuestions
from gateway.sdk.kits.returncodes import failure_of

ONE_PATH: Final = "/hydj/verify"
BOTH_PATH: Final = "/hydj/verify-both"
#: The state that is asked about when a caller claims two people and no kind of act.
MARRIAGE: Final = "IA"
_ONE: Final = frozenset({"op_type"})
_BOTH: Final = frozenset({"cert_num_man", "cert_num_woman"})
_RESULTS: Final[Mapping[str, ClaimResult]] = {"1": "match", "0": "mismatch"}


class Head(msgspec.Struct, frozen=True):
    """Envelope of an answer."""

    code: str


class Verdict(msgspec.Struct, frozen=True):
    """What the office says; there when the code is 0."""

    jg: Annotated[str, Meta(pattern="^[012]$")]


class Reply(msgspec.Struct, frozen=True):
    """The answer to a verification."""

    head: Head
    data: Verdict | None = None


class CivilAffairs(DeclaredAdapter):
    """A person's newest marriage act, and whether two people are married (JSON over HTTP)."""

    plugin = "civil_affairs"
    declaration: ClassVar[Declaration] = read_declaration(Path(__file__).with_name("adapter.toml"))

    async def verify(
        self, query: Query, claims: Mapping[str, Value], deadline: Deadline
    ) -> Verified | NotFound | None:
        """Let the office compare a state, or a state of two people; other claims are ours."""
        kind = str(claims.get("op_type") or MARRIAGE)
        if claims.keys() == _ONE:
            question = {"zjhm": query.holder.number, "ywlx": kind}
            return await self._ask(query, ONE_PATH, question, claims, deadline)
        man, woman = str(claims.get("cert_num_man")), str(claims.get("cert_num_woman"))
        if claims.keys() - _ONE == _BOTH and query.holder.number in {man, woman}:
            question = {"nf": man, "nv": woman, "ywlx": kind}
            return await self._ask(query, BOTH_PATH, question, claims, deadline)
        return None

    async def _ask(
        self,
        query: Query,
        path: str,
        question: Mapping[str, str],
        claims: Mapping[str, Value],
        deadline: Deadline,
    ) -> Verified | NotFound:
        assert isinstance(self.questions, HttpQuestions), "open() comes first"
        reply = await self.questions.source.call(
            "POST",
            path,
            Reply,
            deadline,
            body={"head": {"lsh": query.request_id}, "data": question},
            idempotent=True,
            check=_check,
        )
        assert reply.data is not None, "checked"
        if reply.data.jg not in _RESULTS:
            return NotFound()
        return Verified(dict.fromkeys(claims, _RESULTS[reply.data.jg]))


def _check(reply: Reply) -> None:
    if reply.head.code != "0" or reply.data is None:
        raise failure_of(reply.head.code)
