# SPDX-License-Identifier: Apache-2.0
"""Operational logs: JSON lines on stderr, each value through one redaction step.

This is not the audit log. It tells operators about events (start, stop, a department down), never
about single requests. Redaction is the last line of defence: callers must not pass personal data in
the first place.

Of an exception only its kind and its frames are logged: its text, and what else Python prints about
it (the repr of a task, of a callback's arguments), may quote a record. The same goes for what a
library logs, and for what nobody caught: on a loop (`watch_loop`), in a thread, in a `__del__`.
"""

import asyncio
import logging
import re
import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping
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
#: Of an exception, the innermost.
_MAX_FRAMES: Final = 8
#: What a loop complains of is told with these, and with what it is about: a task, a transport …
_WORDS: Final = frozenset({"message", "exception", "source_traceback"})
#: Not a context variable: a thread, and a task of before, would have lines without it.
_IN_EVERY_LINE: Final[dict[str, str]] = {}
_log = structlog.get_logger()


def redact(text: str) -> str:
    """Replace everything that looks like an ID number or a credit code."""
    return _NUMBER.sub(REDACTED, text)


def _in_every_line(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    event.update(_IN_EVERY_LINE)
    return event


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


def frames_of(error: BaseException) -> list[str]:
    """Where it was raised, `file:line:function`, outermost first; nothing of what it says."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    return frames[-_MAX_FRAMES:]


def report_fault(error: BaseException, request_id: str = "") -> None:
    """Log where our own code failed; an exception's text may hold personal data, so never that."""
    _log.error("fault", kind=type(error).__name__, frames=frames_of(error), request_id=request_id)


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Have what nobody catches on this loop logged as a fault, instead of asyncio's own words."""
    loop.set_exception_handler(_report_uncaught)


def _report_uncaught(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Of a complaint without an exception, log what kind of thing it is about."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        report_fault(error)
        return
    about = next((what for key, what in context.items() if key not in _WORDS), None)
    functions = []
    if isinstance(about, asyncio.Task):  # given up while it waited
        functions = [getattr(about.get_coro(), "__qualname__", "")]
    kind = type(about).__name__ if about is not None else ""
    _log.error("fault", kind=kind, frames=functions, request_id="")


def _report_thread(caught: threading.ExceptHookArgs) -> None:
    if caught.exc_value is not None and not isinstance(caught.exc_value, SystemExit):
        report_fault(caught.exc_value)


def _report_unraisable(caught: "sys.UnraisableHookArgs") -> None:
    if caught.exc_value is not None:
        report_fault(caught.exc_value)


def _kind_and_frames(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Put them in the place of an exception that a library logs."""
    _, error, _ = event.pop("exc_info", None) or (None, None, None)
    if error is not None:
        event["kind"], event["frames"] = type(error).__name__, frames_of(error)
    return event


def configure_logs(process: str) -> None:
    """Send structlog and the standard library's warnings to stderr as redacted JSON lines.

    So goes what nobody caught in a thread or where nobody could; a loop is told by `watch_loop`.

    Args:
        process: name of this process, e.g. `worker-1`; stands in every line.
    """
    shared: list[structlog.typing.Processor] = [
        _in_every_line,
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
    _IN_EVERY_LINE["process"] = process
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared[:3],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _kind_and_frames,
                _redact_event,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    threading.excepthook = _report_thread
    sys.unraisablehook = _report_unraisable
