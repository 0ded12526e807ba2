# SPDX-License-Identifier: Apache-2.0
"""Trust policies (c2sp.org/tlog-policy): which logs, which witnesses, and how many of these.

::

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> <k>|any|all <name>...
    quorum <name>|none

Rules:

1. Words are parted by spaces and tabs only; lines end in a newline; `#` begins a comment line.
2. Names are opaque bytes of one name space, defined before they are used, once. Each is a member of
   one group at most, so that no witness counts twice.
3. There is exactly one quorum line. No key stands twice among logs, or twice among witnesses.
4. Keys are Ed25519: what could not be verified is refused here, not ignored later.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final, NoReturn

import msgspec

from gateway.errors import SetupError, TrustError
from gateway.tlog.cosignature import verify_cosignature
from gateway.tlog.note import (
    COSIGNER_KEY,
    LOG_KEY,
    KeyType,
    NoteVerifier,
    parse_note,
    parse_vkey,
    signatures_by,
)

NO_QUORUM: Final = "none"
_SPACE: Final = re.compile(r"[ \t]+")
_CONTROL: Final = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,5}")


class PolicyLog(msgspec.Struct, frozen=True):
    """A log whose checkpoints are accepted."""

    key: NoteVerifier
    url: str | None


class Witness(msgspec.Struct, frozen=True):
    """A witness by its name in the policy; `key.name` is that of its signature lines."""

    name: str
    key: NoteVerifier
    url: str | None


class Group(msgspec.Struct, frozen=True):
    """Has cosigned when `threshold` of its members have."""

    name: str
    threshold: int
    members: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True):
    """A policy; groups in the order of the file, so that members come before them.

    Attributes:
        quorum: name of a witness or group, or `none`.
    """

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    def satisfied(self, cosigners: Collection[str]) -> bool:
        """Whether these witnesses, by their names in the policy, are enough."""
        met = {witness.name for witness in self.witnesses} & set(cosigners)
        for group in self.groups:
            if len(met.intersection(group.members)) >= group.threshold:
                met.add(group.name)
        return self.quorum == NO_QUORUM or self.quorum in met


def verify_witnessed(note: bytes, policy: Policy) -> dict[str, int]:
    """Check that enough witnesses have cosigned a checkpoint. Its log's signature is not looked at.

    Returns:
        UNIX seconds of each witness's cosignature, by its name in the policy.

    Raises:
        TrustError: too few have, or a cosignature of a known witness is wrong.
    """
    parsed = parse_note(note)
    times_s = {
        witness.name: verify_cosignature(note, witness.key)
        for witness in policy.witnesses
        if signatures_by(parsed, witness.key)
    }
    if not policy.satisfied(times_s):
        raise TrustError(
            "PROOF_INVALID",
            f"checkpoint: {len(times_s)} of {len(policy.witnesses)} witnesses are no quorum",
        )
    return times_s


def parse_policy(content: bytes, where: str = "policy") -> Policy:
    """Read a policy.

    Args:
        where: the file, for errors.

    Raises:
        SetupError: names the first line that is wrong.
    """
    reading = _Reading(where)
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        reading.number = number
        if _CONTROL.search(line):
            reading.refuse("has a control character")
        # Names are opaque bytes: this decoding keeps them apart whatever they are.
        text = line.decode("utf-8", "surrogateescape").strip(" \t")
        if text and number == len(lines):
            reading.refuse("does not end in a newline")
        if text and not text.startswith("#"):
            reading.take(_SPACE.split(text))
    if reading.quorum is None:
        reading.refuse("comes to the end without a quorum line")
    return Policy(
        tuple(reading.logs), tuple(reading.witnesses), tuple(reading.groups), reading.quorum
    )


class _Reading:
    """A policy of which some lines have been read."""

    def __init__(self, where: str) -> None:
        self._where: Final = where
        self.number = 0
        self.logs: Final[list[PolicyLog]] = []
        self.witnesses: Final[list[Witness]] = []
        self.groups: Final[list[Group]] = []
        self.quorum: str | None = None
        self._free: Final[dict[str, bool]] = {}  # by defined name: in no group yet

    def take(self, words: Sequence[str]) -> None:
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                key = self._key(vkey, LOG_KEY, [log.key for log in self.logs])
                self.logs.append(PolicyLog(key, url[0] if url else None))
            case ["witness", name, vkey, *url] if len(url) <= 1:
                key = self._key(vkey, COSIGNER_KEY, [known.key for known in self.witnesses])
                self._define(name)
                self.witnesses.append(Witness(name, key, url[0] if url else None))
            case ["group", name, count, first, *others]:
                members = (first, *others)
                self._join(members)
                self._define(name)
                self.groups.append(Group(name, self._threshold(count, len(members)), members))
            case ["quorum", name] if self.quorum is None:
                if name != NO_QUORUM and name not in self._free:
                    self.refuse("names a witness or group that no line before it defines")
                self.quorum = name
            case ["quorum", _]:
                self.refuse("is a second quorum line")
            case _:
                self.refuse("is not a log, witness, group or quorum line")

    def refuse(self, what: str) -> NoReturn:
        raise SetupError(
            f"line {self.number} {what}",
            where=self._where,
            remedy="see docs/reference/log.md for the form of a policy.",
        )

    def _key(self, vkey: str, key_type: KeyType, known: list[NoteVerifier]) -> NoteVerifier:
        try:
            key = parse_vkey(vkey, key_type)
        except TrustError as error:
            self.refuse(f"has a key that cannot be used: {error.detail}")
        if any(key.raw_key == other.raw_key for other in known):
            self.refuse("has a key that an earlier line has")
        return key

    def _define(self, name: str) -> None:
        if name == NO_QUORUM or name in self._free:
            self.refuse("defines a name that is taken")
        self._free[name] = True

    def _join(self, members: tuple[str, ...]) -> None:
        for name in members:
            if name not in self._free:
                self.refuse("names a member that no line before it defines")
            if not self._free[name]:
                self.refuse("names a member that stands in a group already")
            self._free[name] = False

    def _threshold(self, count: str, member_count: int) -> int:
        if count in {"any", "all"}:
            return 1 if count == "any" else member_count
        if not _COUNT.fullmatch(count) or int(count) > member_count:
            self.refuse(f"asks for another count than 1 to {member_count}, `any` or `all`")
        return int(count)
