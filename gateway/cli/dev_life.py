# SPDX-License-Identifier: Apache-2.0
"""One life of `yizheng adapter dev`, as a process: simulators, site, gateway, and its log as lines.

`python -m gateway.cli.dev_life FOLDER PORT JSON PATH…`; standard output is for people, or one JSON
document a line. It ends at SIGTERM or with whoever started it, and takes everything with it.
"""

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.audit.store.reader import LogReader
from gateway.cli.dev_site import CASE, ITEM, python_path, write_profile, write_site
from gateway.cli.output import print_error, print_json
from gateway.conformance import Subject, subject_of
from gateway.conformance.manifest import FILE
from gateway.errors import AuditError, GatewayError
from gateway.model.entry import Entry
from gateway.model.record import parse_record
from gateway.sdk.kits.simulator import stop_event

_LOOK_S: Final = 0.2


class Life:
    """Everything that runs until a file changes.

    Args:
        folder: of the throw-away site; outlives this.
        port: of the gateway.
        as_json: one document a line.
    """

    def __init__(self, folder: Path, port: int, *, as_json: bool) -> None:
        self._folder: Final = folder
        self._port: Final = port
        self._as_json: Final = as_json

    async def run(self, paths: Sequence[Path]) -> int:
        """Run until told to stop; returns the exit code."""
        stop = stop_event()
        with ExitStack() as stack:
            subjects = [stack.enter_context(subject_of(path / FILE)) for path in paths]
            site = write_site(self._folder, subjects)
            gateway = await self._start(site, subjects)
            try:
                assert gateway.stdout is not None
                if not (line := await gateway.stdout.readline()):
                    return 1  # it said on standard error why not
                next_index = _size(site)  # before anybody is told where to ask
                self._say_ready(msgspec.json.decode(line)["url"], subjects)
                await self._follow(site, next_index, stop, gateway)
            finally:
                if gateway.returncode is None:
                    gateway.send_signal(signal.SIGTERM)
                await gateway.wait()
        return 0

    async def _start(self, site: Path, subjects: Sequence[Subject]) -> asyncio.subprocess.Process:
        path = os.pathsep.join(
            filter(None, [python_path(self._folder, subjects), os.environ.get("PYTHONPATH")])
        )
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "serve",
            f"--site={site}", f"--port={self._port}", "--workers=1", "--json",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip

    def _say_ready(self, url: str, subjects: Sequence[Subject]) -> None:
        profile = write_profile(self._folder, url)
        asked = [list(_commands(subject, profile)) for subject in subjects]
        if self._as_json:
            print_json({"ready": True, "url": url, "lookups": [c for cs in asked for c in cs]})
            return
        sys.stdout.write(f"ready at {url}; ask from another terminal, for example:\n")
        for commands in asked:
            sys.stdout.write(f"  {commands[0]}\n")
        sys.stdout.flush()

    async def _follow(
        self,
        site: Path,
        next_index: int,
        stop: asyncio.Event,
        gateway: asyncio.subprocess.Process,
    ) -> None:
        """Show each entry from this one on, until told to stop or the gateway ends."""
        while not stop.is_set() and gateway.returncode is None:
            for index, line in list(_entries(site, next_index)):
                next_index = index + 1
                self._show(line)
            try:
                async with asyncio.timeout(_LOOK_S):
                    await stop.wait()
            except TimeoutError:
                continue

    def _show(self, line: bytes) -> None:
        entry = parse_record(line)
        if not isinstance(entry, Entry):
            return  # an act of somebody, or an event
        if self._as_json:
            print_json(_facts(entry))
            return
        holder = entry.holder.masked if entry.holder is not None else "-"
        came = entry.code or entry.outcome
        took = "" if entry.adapter_ms is None else f", {entry.adapter_ms} ms"
        source = f" ({entry.served_from}{took})" if entry.served_from else ""
        asked = f"{entry.time[11:23]} {entry.certificate} {entry.operation} {holder}"
        sys.stdout.write(f"{asked}: {came}{source}\n")
        sys.stdout.flush()


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "time": entry.time,
        "certificate": entry.certificate,
        "operation": entry.operation,
        "holder": entry.holder.masked if entry.holder is not None else None,
        "outcome": entry.outcome,
        "code": entry.code,
        "served_from": entry.served_from,
        "adapter_ms": entry.adapter_ms,
    }


def _commands(subject: Subject, profile: Path) -> Iterator[str]:
    """One command for each sample; numbers of samples are synthetic, and come by standard input."""
    for sample in subject.samples:
        certificate = subject.certificate_of(sample)
        words = ["yizheng", "lookup", "--profile", str(profile), "--certificate", certificate.name]
        words += ["--field", certificate.fields[0].name, "--item", ITEM, "--case", CASE]
        words += ["--purpose", "development"]
        if sample.scheme != "cn-id":
            words += ["--scheme", sample.scheme]
        for name, value in sample.claims.items():
            words += ["--claim", f"{name}={value}"]
        yield f"echo {sample.number} | {shlex.join(words)}"


def _size(site: Path) -> int:
    try:
        with closing(LogReader.open(site / "var/audit")) as reader:
            return reader.size()
    except AuditError:
        return 0


def _entries(site: Path, start: int) -> Iterator[tuple[int, bytes]]:
    try:
        with closing(LogReader.open(site / "var/audit")) as reader:
            yield from reader.entries(start)
    except AuditError:
        return  # the log is not there yet


def main() -> int:
    """Run one life as the command line says."""
    folder, port, as_json, *paths = sys.argv[1:]
    life = Life(Path(folder), int(port), as_json=as_json == "json")
    try:
        return asyncio.run(life.run([Path(path) for path in paths]))
    except GatewayError as error:
        print_error(error, as_json=as_json == "json")
        return 1


if __name__ == "__main__":
    sys.exit(main())
