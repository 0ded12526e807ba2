# SPDX-License-Identifier: Apache-2.0
"""docs/reference/events.md, from the structs of events."""

from typing import Final

import msgspec

from gateway.cli.struct_table import struct_table
from gateway.model.office_event import KINDS, EventPage, OfficeEvent

_HEAD: Final = """<!-- SPDX-License-Identifier: Apache-2.0 -->
# Events 事件

Generated from `gateway/model/office_event.py` by `make docs`; do not edit. How to receive them:
[receive events](../how-to/receive-events.md). Why they are as they are:
[ADR 0022](../adr/0022-events-by-outbox-and-clerk.md).

An event says that something is so now, and where to ask for it. It holds no value of a field, no
name and no ID number. Members and kinds may be added: ignore those that you do not know. An event
comes at least once; its `id` is the same each time. Events about one subject (a case, a correction
without a case, an adapter, an incident) come in their order; between subjects there is none.

## Delivery

`POST` to the agency's URL, `Content-Type: application/json`, one event as its body. Signed by the
gateway's key of `/.well-known/jwks.json` (RFC 9421): one signature with the label `gateway` and the
tag `yizheng-v1-event`, covering `"@method" "@authority" "@path" "@query" "content-type"
"content-digest" "idempotency-key"` with the parameters `created`, `keyid`, `alg`, `tag`.
`Idempotency-Key` is the event's `id` as a string of RFC 9651, in quotes.

| your answer | what follows |
|---|---|
| 2xx | delivered |
| any other, a redirect too | it comes again, after a pause that doubles up to `max_pause_s` |
| 429, 5xx, none within `timeout_s` | the same; meanwhile only one event at a time is tried |

The numbers stand in `[events]` of [gateway.toml](config.md). After `dead_after_s` an event is dead:
later ones of its subject go on, and `yizheng event redeliver` sends it again. `seq` shows what is
missing; the feed still has it.

## Feed

`GET /v1/events?after=N&wait=S`, signed as every request ([wire.md](wire.md)), covering `@method`,
`@authority`, `@path` and `@query` and nothing else. `after` is the `next` of the page before, at
first 0. With `wait` (0 to 99 seconds, at most `events.max_wait_s`) an answer without events waits
for one. A page has up to 100. It shows the agency's own events and
those that are for all; events are kept for 90 days. Each answer leaves one act `events` in the log.
"""


def events_page() -> str:
    """The page."""
    kinds = KINDS.values()
    _, found = msgspec.json.schema_components([OfficeEvent, EventPage], ref_template="{name}")
    lines = [_HEAD.rstrip("\n"), *struct_table("EventPage", found["EventPage"])]
    lines += ["", "## An event", *struct_table("OfficeEvent", found["OfficeEvent"])]
    lines += ["", "## Kinds"]
    for kind in kinds:
        lines += struct_table(f"`{kind.__struct_config__.tag}`", found[kind.__name__])
    union = " or ".join(kind.__name__ for kind in kinds)
    return "\n".join(lines).replace(union, "one of the kinds below") + "\n"
