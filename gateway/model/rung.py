# SPDX-License-Identifier: Apache-2.0
"""The degrade ladder 降级阶梯: what is still asked of a department in an emergency (clause 8.1.2).

==  =============  ==============  ===============================================================
n   rung           word            what becomes of what the cache has no fresh answer to
==  =============  ==============  ===============================================================
0   `normal`       正常            the department is asked
1   `cache`        缓存优先        an older answer, if the certificate type allows one; else asked
2   `verify_only`  仅核验          as 1; queries are refused, verifications go on
3   `ticket`       转为异步        as 1; whoever waits on a connection is refused
4   `substitute`   容缺/承诺替代   as 1; nobody asks, so that deferral and commitment are offered
==  =============  ==============  ===============================================================

Whatever the rung, *not found* is only what a department said, and what is refused here is
*unavailable*. Policy, sealing and the record know no rung.
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

import msgspec

Rung = Literal["normal", "cache", "verify_only", "ticket", "substitute"]
#: From the lowest to the highest.
LADDER: Final[tuple[Rung, ...]] = get_args(Rung)
#: The scope of all departments, where a name of one could stand.
WHOLE_SITE: Final = "*"

_NONE: Final[Mapping[str, Rung]] = {}


def height(rung: Rung) -> int:
    """How many rungs there are below."""
    return LADDER.index(rung)


class Rungs(msgspec.Struct, frozen=True):
    """The rungs of a site at one moment.

    Attributes:
        site: of all departments.
        departments: by adapter, of those that have one of their own.
    """

    site: Rung = "normal"
    departments: Mapping[str, Rung] = _NONE

    def of(self, adapter: str) -> Rung:
        """The rung of a department: the higher one of its own and the site's."""
        own = self.departments.get(adapter, "normal")
        return max(own, self.site, key=height)

    def text(self) -> str:
        """In a line: `normal`, or every scope that is above it."""
        raised = {WHOLE_SITE: self.site, **self.departments}
        parts = [f"{scope}={rung}" for scope, rung in sorted(raised.items()) if rung != "normal"]
        return " ".join(parts) or "normal"
