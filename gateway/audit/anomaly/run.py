# SPDX-License-Identifier: Apache-2.0
"""Run rules over a period, and say what they could not see."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from gateway.audit.anomaly.finding import Finding, Severity
from gateway.audit.anomaly.rules import RULES
from gateway.audit.anomaly.view import Reveal, Revealed, View
from gateway.audit.store.reader import LogReader
from gateway.crypto.identity import EpochCipher
from gateway.errors import Text, TrustError
from gateway.model.entry import Entry
from gateway.model.record import parse_record

_RANK: Final[Mapping[Severity, int]] = {"high": 0, "medium": 1, "low": 2}


class Review(msgspec.Struct, frozen=True):
    """The outcome of one run.

    Attributes:
        rules: that were run.
        findings: gravest first.
        indexed: records of the log that the index holds; later ones were not looked at.
        notes: what else was not looked at.
    """

    rules: tuple[str, ...]
    findings: tuple[Finding, ...]
    indexed: int
    notes: tuple[Text, ...]


def review(
    view: View,
    rules: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
) -> Review:
    """Run these rules.

    Args:
        rules: keys of `RULES`.
        progress: told how many rules of how many are done.

    Raises:
        AuditError: the index or the log cannot be read.
    """
    findings: list[Finding] = []
    for done, name in enumerate(rules, 1):
        findings += RULES[name](view)
        if progress is not None:
            progress(done, len(rules))
    findings.sort(key=lambda f: (_RANK[f.severity], f.rule, f.agency or "", f.operator or ""))
    return Review(tuple(rules), tuple(findings), view.size(), tuple(view.notes))


def reveal_from(reader: LogReader, cipher_of: Callable[[str], EpochCipher | None]) -> Reveal:
    """Opens numbers of the log's records.

    Args:
        cipher_of: the keys of an epoch; None where they were destroyed.
    """

    def reveal(indices: Sequence[int]) -> Iterator[Revealed]:
        for index in indices:
            try:
                record = parse_record(reader.entry(index))
            except ValueError as error:
                raise TrustError("PROOF_INVALID", f"record {index}: {error}") from None
            if not isinstance(record, Entry) or (mark := record.holder) is None:
                continue
            if (cipher := cipher_of(mark.epoch)) is not None:
                yield Revealed(index, cipher.reveal_holder(mark, record.id), mark.masked)

    return reveal
