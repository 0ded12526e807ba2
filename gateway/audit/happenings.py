# SPDX-License-Identifier: Apache-2.0
"""What an operator did by a command, as an event of the running gateway's log."""

from datetime import UTC, datetime
from pathlib import Path

from gateway.audit.client import SequencerClient
from gateway.audit.signals import make_event
from gateway.model.act import Happening
from gateway.model.record import format_record
from gateway.sdk import Deadline


async def record_happening(
    socket: Path, happening: Happening, detail: str, deadline: Deadline
) -> None:
    """Have the running gateway record what was done.

    Args:
        socket: of its sequencer.
        detail: free of personal data.

    Raises:
        AuditError: none runs, or it did not record it.
    """
    client = SequencerClient(socket)
    await client.open()
    try:
        line = format_record(make_event(happening, detail, now=datetime.now(UTC)))
        await client.append(line, deadline, claim=None)
    finally:
        await client.aclose()


async def ping_log(socket: Path, deadline: Deadline) -> None:
    """See that a gateway runs, which will have to record; before anything is changed.

    Raises:
        AuditError: none does.
    """
    client = SequencerClient(socket)
    await client.open()
    try:
        await client.ping(deadline)
    finally:
        await client.aclose()
