# SPDX-License-Identifier: Apache-2.0
"""Whatever is said is heard, wherever it is said; whatever is left is counted."""

import asyncio
import logging
import os
import sys
import warnings

import structlog

from gateway.conformance.watch import Census, Watch, settled


def test_records_of_quiet_loggers_are_heard_with_arguments_extras_and_tracebacks() -> None:
    watch = Watch()
    logger = logging.getLogger("quiet")
    logger.propagate = False
    with watch.running():
        logger.debug("about %s", "argument")
        logger.info("more", extra={"row": "extra"})
        try:
            int("message")
        except ValueError:
            logger.exception("failed")
    for word in ("argument", "extra", "message"):
        assert word in watch.logged()


def test_prints_warnings_and_structlog_are_heard() -> None:
    watch = Watch()
    with watch.running():
        sys.stdout.write("out")
        sys.stderr.write("err")
        warnings.warn("warned", stacklevel=1)
        structlog.get_logger("kit").warning("structured", row="kept")
    said = watch.printed() + watch.logged()
    assert all(word in said for word in ("out", "err", "warned", "structured", "kept"))


def test_logging_is_afterwards_as_it_was_before() -> None:
    root = logging.getLogger()
    before = (root.level, root.handlers[:], logging.getLogRecordFactory())
    with Watch().running():
        pass
    assert (root.level, root.handlers, logging.getLogRecordFactory()) == before


def test_a_chained_exception_is_part_of_what_was_raised_and_a_cut_chain_is_not() -> None:
    for cut, told in ((False, True), (True, False)):
        watch = Watch()
        try:
            try:
                int("quoted")
            except ValueError as inner:
                raise RuntimeError from (None if cut else inner)
        except RuntimeError as error:
            watch.errors.append(error)
        assert ("quoted" in watch.raised()) is told


async def test_what_is_left_is_named_and_what_ends_by_itself_is_not() -> None:
    before = Census.now()
    short = asyncio.create_task(asyncio.sleep(0.05))
    assert await settled(before) == ""
    long = asyncio.create_task(asyncio.sleep(60))
    reader, writer = os.pipe()
    assert await settled(before, within_s=0.05) == "2 descriptors, 1 tasks"
    os.close(reader)
    os.close(writer)
    long.cancel()
    assert await settled(before) == ""
    assert short.done()
