# SPDX-License-Identifier: Apache-2.0
"""Operational logs never show a number, whoever writes them."""

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.log import REDACTED, redact
from gateway.model.ids import cn_id_check_digit

NUMBER = "140302190001010017"


@pytest.mark.parametrize(
    "number",
    [NUMBER, "14031119010203003X", "14031119010203003x", "140302000101001", "91140300MA0TE0T12P"],
)
@pytest.mark.parametrize("around", ["{}", "id={}.", "号码{}不存在", '"{}"', "a {} b"])
def test_numbers_are_redacted_wherever_they_stand(number: str, around: str) -> None:
    assert redact(around.format(number)) == around.format(REDACTED)


@pytest.mark.parametrize(
    "text", ["1795334400", "f3a9" * 8, "YQ20261122-0001", "2026-11-22T08:00:00Z"]
)
def test_times_request_ids_and_cases_stay(text: str) -> None:
    assert redact(text) == text


@given(st.from_regex(r"[1-9][0-9]{16}", fullmatch=True))
def test_every_citizen_number_is_redacted(body: str) -> None:
    assert redact(f"x {body}{cn_id_check_digit(body)} y") == f"x {REDACTED} y"


SCRIPT = f"""
import logging, structlog
from gateway.log import configure_logs
configure_logs("test-1")
structlog.get_logger().warning("about {NUMBER}", number={NUMBER}, nested=["{NUMBER}"])
logging.getLogger("asyncio").error("lost %s", "{NUMBER}")
try:
    raise ValueError("{NUMBER}")
except ValueError:
    logging.getLogger("library").exception("failed")
"""


def test_both_kinds_of_logger_write_redacted_json_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, check=True, text=True
    )
    lines = [msgspec.json.decode(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["warning", "error", "error"]
    assert {line["process"] for line in lines} == {"test-1"}
    assert NUMBER not in done.stderr
    assert REDACTED in done.stderr


UNCAUGHT = """
import asyncio, gc, logging, threading
from gateway.log import configure_logs, watch_loop

class Answer:
    def __init__(self, text): self.text = text
    def __repr__(self): return self.text
    def __del__(self): raise KeyError(self.text)

async def fail(answer): raise KeyError(answer.text)
def fall(answer): raise KeyError(answer.text)
async def wait(answer): await asyncio.get_running_loop().create_future()

async def main():
    loop = asyncio.get_running_loop()
    watch_loop(loop)
    answer = Answer("NAME")
    loop.call_soon(fall, answer)
    tasks = [loop.create_task(fail(answer)), loop.create_task(wait(answer))]
    await asyncio.sleep(0.01)
    del tasks
    gc.collect()
    loop.call_exception_handler({"message": "NAME"})

configure_logs("test-1")
asyncio.run(main())
thread = threading.Thread(target=fall, args=[Answer("NAME")])
thread.start()
thread.join()
try:
    fall(Answer("NAME"))
except KeyError:
    logging.getLogger("library").exception("failed")
""".replace("NAME", "张三 13800138000")


def test_of_an_exception_that_nobody_caught_its_kind_and_frames_are_logged() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNCAUGHT], capture_output=True, check=True, text=True
    )
    assert "张三" not in done.stderr
    assert "13800138000" not in done.stderr
    lines = [msgspec.json.decode(line) for line in done.stderr.splitlines()]
    assert {line["process"] for line in lines} == {"test-1"}
    assert sorted((x["event"], x["kind"], x["frames"].split(":")[-1]) for x in lines) == [
        ("failed", "KeyError", "fall']"),
        ("fault", "", "[]"),
        *[("fault", "KeyError", "__del__']")] * 3,
        ("fault", "KeyError", "fail']"),
        *[("fault", "KeyError", "fall']")] * 2,
        ("fault", "Task", "['wait']"),
    ]
