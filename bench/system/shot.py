# SPDX-License-Identifier: Apache-2.0
"""One shot: requests signed, load on, processor time read, answers counted."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final, Literal

import msgspec

from bench.system.load import Outcome, Samples
from bench.system.processor import Others, Patience, cores, cpu_s, pin
from bench.system.requests import write_requests
from bench.system.target import Target, WrongAnswer

#: Connections that stay open, as performance measurements of gateways commonly take.
CONNECTIONS: Final = 64
LoadName = Literal["wrk", "asyncio"]
_LUA: Final = Path(__file__).with_name("wrk.lua")
_MARK: Final = "RESULT "
#: Answers a second before any was measured; too few requests mean that a shot is taken again.
_FIRST_PER_S: Final = 7000.0
_FIRST_OF: Final = {"fastapi": 2000.0}
_MARGIN: Final = 1.4
_SIGNING_S: Final = 60e-6
_TRIES: Final = 4
_PARTED: Final = 20_000


class Shot(msgspec.Struct, frozen=True):
    """What one shot showed.

    Attributes:
        per_s: answers a second.
        cpu_us: processor time of the server for each answer, in microseconds.
        keeper_us: the same of whoever keeps its log.
    """

    target: str
    per_s: float
    cpu_us: float
    keeper_us: float
    p50_ms: float
    p99_ms: float
    answer_count: int


class _Said(msgspec.Struct):
    """What wrk.lua prints."""

    answer_count: int
    seconds: float
    wrong_count: int
    p50_ms: float
    p99_ms: float
    exhausted: bool
    refusal: str = ""


class Gun:
    """Takes shots, and repeats those that others disturbed.

    Args:
        load: which client sends the requests at saturation.
        patience: with a busy machine.
    """

    def __init__(self, load: LoadName, patience: Patience) -> None:
        self.load: Final = load
        self.patience: Final = patience
        self._signing_s = _SIGNING_S
        self._per_s: Final[dict[str, float]] = {}
        self._folder: Final = Path(tempfile.mkdtemp(prefix="yz-load-"))
        self._kept: Final[dict[tuple[str, int, str], int]] = {}

    def close(self) -> None:
        """Remove its files."""
        shutil.rmtree(self._folder)

    def saturate(
        self,
        target: Target,
        seconds: float,
        *,
        connections: int = CONNECTIONS,
        on_cores: Sequence[int] = (),
    ) -> Shot:
        """A closed loop on kept connections.

        Raises:
            WrongAnswer: an answer was not 200.
        """
        for _ in range(_TRIES):
            count = int(self._rate(target) * seconds * _MARGIN) + 200
            self.patience.wait()
            requests = self._sign(target, count, per_s=count / seconds)
            others, before = Others(), self._spent(target)
            said = self._fire(requests, target.port, seconds, connections, on_cores or cores()[1:])
            spent_s, kept_s = (
                after - at for after, at in zip(self._spent(target), before, strict=True)
            )
            if said.wrong_count and not said.exhausted:  # the last one was sent over and over
                raise WrongAnswer(
                    f"{target.name}: {said.wrong_count} answers were not 200 {said.refusal}"
                )
            rate = said.answer_count / said.seconds
            self._per_s[target.name] = rate if not said.exhausted else 2 * count / seconds
            if said.exhausted or not self.patience.accepts(others.share(), seconds):
                continue
            return Shot(
                target.name,
                rate,
                spent_s / said.answer_count * 1e6,
                kept_s / said.answer_count * 1e6,
                said.p50_ms,
                said.p99_ms,
                said.answer_count,
            )
        raise WrongAnswer(f"{target.name}: requests ran out {_TRIES} times")

    def send(
        self, target: Target, options: Sequence[str], count: int, *, per_s: float
    ) -> tuple[Outcome, Samples]:
        """Drive the shipped client with options of its own; answers may be anything."""
        requests = self._sign(target, count, per_s=per_s)
        samples = self._folder / "samples"
        said = self._run_client(
            requests, target.port, [*options, f"--samples={samples}"], cores()[1:]
        )
        return said, msgspec.msgpack.decode(samples.read_bytes(), type=Samples)

    def paced(
        self, target: Target, seconds: float, per_s: float, *, connections: int = CONNECTIONS
    ) -> Outcome:
        """An open loop at this rate.

        Raises:
            WrongAnswer: an answer was not 200.
        """
        outcome = None
        for _ in range(_TRIES):
            self.patience.wait()
            others = Others()
            outcome, _samples = self.send(
                target,
                [f"--phases={seconds}:{per_s:.1f}", f"--connections={connections}"],
                int(per_s * seconds * _MARGIN) + 200,
                per_s=per_s,
            )
            if outcome.statuses.keys() != {"200"}:
                raise WrongAnswer(
                    f"{target.name}: answers were {outcome.statuses} {outcome.refusal}"
                )
            if self.patience.accepts(others.share(), seconds):
                break
        assert outcome is not None
        return outcome

    def _sign(self, target: Target, count: int, *, per_s: float) -> Path:
        """Sign requests that were never sent; who keeps no nonces gets those of an earlier shot."""
        whose = target.name, target.port, target.algorithm
        path = self._folder / ("-".join(map(str, whose)) if target.forgets else "once")
        if self._kept.get(whose, 0) >= count:
            return path
        path.unlink(missing_ok=True)
        bodies = target.bodies_of(count)
        began_s = time.time()
        at_s = began_s + count * self._signing_s
        sign = partial(write_requests, write=target.write, bodies=bodies, at_s=at_s, per_s=per_s)
        _in_parts(sign, path, count)
        self._signing_s = (time.time() - began_s) / count
        if target.forgets:
            self._kept[whose] = count
        return path

    def _rate(self, target: Target) -> float:
        known = self._per_s.get(target.name)
        return _FIRST_OF.get(target.name, _FIRST_PER_S) if known is None else known

    def _spent(self, target: Target) -> tuple[float, float]:
        return cpu_s(target.pids), cpu_s(target.keepers)

    def _fire(
        self,
        requests: Path,
        port: int,
        seconds: float,
        connections: int,
        on_cores: Sequence[int],
    ) -> _Said:
        if self.load == "asyncio":
            options = [f"--seconds={seconds}", f"--connections={connections}"]
            outcome = self._run_client(requests, port, options, on_cores)
            answers = outcome.answer_count
            return _Said(
                answers,
                outcome.seconds,
                answers - outcome.statuses.get("200", 0),
                outcome.p50_ms,
                outcome.p99_ms,
                outcome.exhausted,
                outcome.refusal,
            )
        words = [
            "wrk", "--threads=1", f"--connections={connections}", f"--duration={_whole(seconds)}s",
            "--timeout=10s", f"--script={_LUA}", f"http://127.0.0.1:{port}/", str(requests),
        ]  # fmt: skip
        text = _run(words, on_cores)
        return msgspec.json.decode(text.rpartition(_MARK)[2].strip(), type=_Said)

    def _run_client(
        self, requests: Path, port: int, options: Sequence[str], on_cores: Sequence[int]
    ) -> Outcome:
        words = [
            sys.executable, "-m", "bench.system.load", f"--requests={requests}",
            f"--port={port}", *options,
        ]  # fmt: skip
        return msgspec.json.decode(_run(words, on_cores), type=Outcome)


def _in_parts(sign: Callable[..., None], path: Path, count: int) -> None:
    """Call it for all numbers; the second half of many in a process of its own."""
    if count < _PARTED:
        sign(path, numbers=range(count))
        return
    rest = path.with_suffix(".rest")
    half = count // 2
    child = get_context("fork").Process(  # what writes holds keys: it is inherited, never pickled
        target=sign, args=(rest,), kwargs={"numbers": range(half, count)}
    )
    child.start()
    assert child.pid is not None
    pin([child.pid], cores()[0])
    sign(path, numbers=range(half))
    child.join()
    with path.open("ab") as whole, rest.open("rb") as part:
        shutil.copyfileobj(part, whole)
    rest.unlink()


def find_load() -> LoadName:
    """The client that there is."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def _whole(seconds: float) -> int:
    """Seconds as wrk takes them."""
    return max(1, round(seconds))


def _run(words: Sequence[str], on_cores: Sequence[int]) -> str:
    pinned = ["taskset", "--cpu-list", ",".join(map(str, on_cores)), *words]
    done = subprocess.run(pinned, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WrongAnswer(f"the load failed: {done.stderr[-500:] or done.stdout[-500:]}")
    return done.stdout
