# SPDX-License-Identifier: Apache-2.0
"""The end of a watched folder, while a delivery is being loaded."""

import asyncio
from pathlib import Path

import pytest

from gateway.sdk.kits.filedrop.load import Report
from gateway.sdk.kits.filedrop.source import FileDropSource
from tests.unit.sdk.test_filedrop import put, source


async def test_a_close_that_is_given_up_says_so_and_leaves_the_loader_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, released, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow_to_end(_source: FileDropSource, _delivery: object) -> Report:
        loading.set()
        try:
            await asyncio.Event().wait()
        finally:  # as a process that was killed and whose disk hangs
            await released.wait()
            ended.set()
        raise AssertionError

    monkeypatch.setattr(FileDropSource, "_load", slow_to_end)
    folder = tmp_path / "in"
    folder.mkdir()
    put(folder)
    async with source(folder) as opened, asyncio.timeout(30):
        await loading.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await opened.aclose()
        released.set()
        await ended.wait()
