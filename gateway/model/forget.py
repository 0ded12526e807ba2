# SPDX-License-Identifier: Apache-2.0
"""What caches are told to forget, and what they say of themselves."""

from typing import Literal

import msgspec

#: Of the store that nodes share: not configured, reached, not reached.
StoreHealth = Literal["none", "ok", "away"]


class Forget(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Answers that were kept until now, or are being loaded now, may not be given any more.

    Attributes:
        tags: of holders, one for each certificate type (`gateway.cache.key.holder_tag`).
        certificates: names of certificate types.
        everything: all of them.
    """

    tags: tuple[bytes, ...] = ()
    certificates: tuple[str, ...] = ()
    everything: bool = False


class CacheState(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One worker's cache, counted since the worker started.

    Attributes:
        pid: of the worker.
        entry_count: answers kept now.
        weight_bytes: about how much memory they take.
        hit_count: answers given, stale ones included.
        miss_count: questions for which there was none.
        stale_count: of the hits, those given in place of a department that was away.
        store_count: answers kept so far.
        forget_count: times it was told to forget something.
        hit_age_s: ages of all answers given, summed.
        store: of the store that nodes share.
        shared_hit_count: of the misses, those that the store answered.
        shared_miss_count: those that it did not.
        shared_error_count: those for which it was not asked, or gave no answer in time; and answers
            that it did not take.
        shared_refused_count: what it gave and no node had put there so.
    """

    pid: int
    entry_count: int = 0
    weight_bytes: int = 0
    hit_count: int = 0
    miss_count: int = 0
    stale_count: int = 0
    store_count: int = 0
    forget_count: int = 0
    hit_age_s: float = 0.0
    store: StoreHealth = "none"
    shared_hit_count: int = 0
    shared_miss_count: int = 0
    shared_error_count: int = 0
    shared_refused_count: int = 0
