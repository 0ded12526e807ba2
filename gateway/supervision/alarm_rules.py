# SPDX-License-Identifier: Apache-2.0
"""Which alarms are raised, from one look at the figures to the next.

Rules:

1. A figure has to be above its threshold at each look for `hold_s` before the alarm is raised, and
   not above for as long before it is cleared: what flaps changes nothing.
2. What is not known (too few questions, no window yet) is neither: it ends no alarm, and begins
   none. A department that nobody asks has not recovered.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Final, final

from gateway.model.emergency_section import AlarmRule
from gateway.model.incident import AlarmDraft
from gateway.model.rung import WHOLE_SITE
from gateway.supervision.load import Load, figure_of

#: A rule's name, and the scope in which it is raised.
Key = tuple[str, str]


@final
class AlarmRules:
    """The rules of a site, each with its state in each scope.

    Args:
        adapters: names of the site's adapters.
        raised: what was raised before.

    Attributes:
        drafts: what is raised now; of what was raised before, as long as that holds, None.
    """

    def __init__(
        self,
        rules: Iterable[AlarmRule],
        adapters: Collection[str],
        *,
        raised: Iterable[Key] = (),
    ) -> None:
        self.rules: Final[Mapping[Key, AlarmRule]] = {
            (rule.name, scope): rule for rule in rules for scope in scopes_of(rule, adapters)
        }
        self.drafts: dict[Key, AlarmDraft | None] = {
            key: None for key in raised if key in self.rules
        }
        self._since_s: Final[dict[Key, float]] = {}
        self._loads: Final[deque[Load]] = deque()
        self._window_s: Final = max((rule.window_s for rule in self.rules.values()), default=0.0)

    def look(self, load: Load) -> None:
        """Take the newest figures."""
        self._loads.append(load)
        while len(self._loads) > 1 and load.at_s - self._loads[1].at_s >= self._window_s:
            self._loads.popleft()
        for key, rule in self.rules.items():
            then = self._at(load.at_s - rule.window_s)
            value = figure_of(rule.figure, key[1], then, load, min_count=rule.min_count)
            self._judge(key, rule, value, load.at_s)

    def _at(self, at_s: float) -> Load | None:
        """The newest figures that were taken no later."""
        return next((load for load in reversed(self._loads) if load.at_s <= at_s), None)

    def _judge(self, key: Key, rule: AlarmRule, value: float | None, now_s: float) -> None:
        if value is None or (value > rule.threshold) == (key in self.drafts):
            self._since_s.pop(key, None)
            return
        if now_s - self._since_s.setdefault(key, now_s) < rule.hold_s:
            return
        del self._since_s[key]
        if key in self.drafts:
            del self.drafts[key]
        else:
            self.drafts[key] = AlarmDraft(
                rule=rule.name,
                scope=key[1],
                figure=rule.figure,
                value=round(value, 3),
                threshold=rule.threshold,
                proposes=rule.proposes,
            )


def scopes_of(rule: AlarmRule, adapters: Collection[str]) -> Collection[str]:
    """The scopes in which a rule is judged, each by itself."""
    if rule.department is None:
        return adapters
    return (rule.department,) if rule.department in {*adapters, WHOLE_SITE} else ()
