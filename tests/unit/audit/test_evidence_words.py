# SPDX-License-Identifier: Apache-2.0
"""The page of a case of evidence says on which request an access was made."""

import msgspec
import pytest

from gateway.audit.evidence.words import summary
from gateway.model.act import Act
from gateway.model.entry import parse_entry
from tests.unit.audit.samples import ORIGIN, entry_bytes

ACT = Act(
    id="a" * 32, salt="s", time="2026-11-22T08:00:00.000Z", action="evidence", actor="zhao",
    keyid="zhao-1", reason="投诉",
)  # fmt: skip


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "or a standing order of earlier"), ("zh", "此前签署的常设委托查询")],
)
def test_an_access_on_a_standing_order_is_explained_and_its_order_named(
    language: str, words: str
) -> None:
    alone = parse_entry(entry_bytes(1))
    ordered = msgspec.structs.replace(alone, plan="b" * 32)
    page, other = (
        summary(language, origin=ORIGIN, index=7, entry=entry, act=ACT, files=()).decode()
        for entry in (ordered, alone)
    )
    assert words in page
    assert f"`yizheng audit view {'b' * 32}`" in page
    assert words not in other
