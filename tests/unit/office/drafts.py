# SPDX-License-Identifier: Apache-2.0
"""Synthetic cases. `draft` is one of an applicant; each test changes what it is about."""

from datetime import date
from typing import Any

import msgspec

from gateway.model.case import CaseDraft, Mandate, Party
from gateway.model.commitment import CommitmentDraft
from gateway.model.holder import Holder

APPLICANT = Holder("cn-id", "140302190001010017", "测试甲")
SPOUSE = Holder("cn-id", "14030319050228002X", "测试乙")
COMPANY = Holder("cn-uscc", "91140300MA0TE01T3N", "测试公司")
AGENCY, CASE, ITEM = "yq-gjj", "YQ20261122-0001", "yq-gjj-001"
MANDATE = Mandate("WT-2026-07", scope=(ITEM,), expires_on=date(2026, 12, 31), agent="yq-0417")


def draft(**changes: Any) -> CaseDraft:
    """A registration that has passed every check."""
    plain = CaseDraft(
        agency=AGENCY,
        number=CASE,
        item=ITEM,
        parties=(Party("applicant", APPLICANT),),
        operator="yq-0417",
        opened_at="2026-11-22T08:00:00Z",
        act="a" * 32,
    )
    return msgspec.structs.replace(plain, **changes)


def commitment(**changes: Any) -> CommitmentDraft:
    """A commitment of the case of `draft`, that has passed every check."""
    plain = CommitmentDraft(
        agency=AGENCY,
        number=CASE,
        material="产权证",
        item=ITEM,
        text_version=1,
        text_digest="c" * 64,
        form="signed",
        by="applicant",
        committed_on=date(2026, 11, 22),
        check_within_working_days=30,
        act="b" * 32,
    )
    return msgspec.structs.replace(plain, **changes)
