# SPDX-License-Identifier: Apache-2.0
"""An item is a reason to look at somebody on the days on which it is in force, and on no other."""

from datetime import date, timedelta

from gateway.model.grant import Deny, Permit
from tests.unit.policy.scene import ITEM, PERMITTED, replace

TODAY = PERMITTED.today


def test_outside_its_dates_an_item_is_no_reason() -> None:
    tomorrow, yesterday = TODAY + timedelta(days=1), TODAY - timedelta(days=1)
    for dates in ({"effective_from": tomorrow}, {"effective_until": yesterday}):
        decision = PERMITTED.changed(item=replace(ITEM, **dates)).decide()
        assert isinstance(decision, Deny)
        assert (decision.rule, decision.refusal.code) == ("item.in_force", "ITEM_UNKNOWN")
        assert decision.detail == "item yq-gjj-001 is not in force today"


def test_on_its_first_and_its_last_day_it_is() -> None:
    for dates in ({"effective_from": TODAY}, {"effective_until": TODAY}):
        item = replace(ITEM, **{"effective_from": date.min} | dates)
        assert isinstance(PERMITTED.changed(item=item).decide(), Permit)
