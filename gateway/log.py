# SPDX-License-Identifier: Apache-2.0
"""Operational logs: JSON lines on stderr, each value through one redaction step.

This is not the audit log. It tells operators about events (start, stop, a department down), never
about single requests. Redaction is the last line of defence: callers must not pass personal data in
the first place.
"""

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Have a module not found by who imports it meanwhile and can do without."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # what the import system takes for absent
    try:
        yield
    finally:
        del sys.modules[name]


# structlog paints tracebacks with rich, which no process of ours ever prints; loading it would take
# a tenth of a second and 10 MiB of each. So processes import this module first.
with _without("rich"):
    import structlog

# An 18-character citizen number or credit code, or an old 15-digit number, standing alone.
_NUMBER: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9]{17}[0-9Xx]|[0-9]{15}|[0-9A-Y]{2}[0-9]{6}[0-9A-Y]{10})(?![0-9A-Za-z])"
)
REDACTED: Final = "[redacted]"


def redact(text: str) -> str:
    """Replace everything that looks like an ID number or a credit code."""
    return _NUMBER.sub(REDACTED, text)


def _redact_event(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {key: _clean(value) for key, value in event.items()}


def _clean(value: object) -> object:
    match value:
        case bool() | float() | None:
            return value
        case int():
            return redact(str(value)) if abs(value) >= 10**14 else value
        case _:
            return redact(str(value))


def configure_logs(process: str) -> None:
    """Send structlog and the standard library's warnings to stderr as redacted JSON lines.

    Args:
        process: name of this process, e.g. `worker-1`; stands in every line.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _redact_event,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared[:3],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _redact_event,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
