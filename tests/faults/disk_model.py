# SPDX-License-Identifier: Apache-2.0
"""A disk that loses power: what a recorded process wrote and synced, and what may be left of it.

1. What a file held at its last successful sync is durable. Every later write to it, and every cut,
   may be there, be missing, or (a write) be there in some of its sectors, each apart from the rest.
2. A name is durable from the next sync of its folder on. Until then it may be there or not, in
   order: the journal of a file system does not reorder names.
3. A sector is old or new and never a mixture, and a write spoils nothing beside it.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from gateway.audit.frames import Durable, FrameBuffer, parse_reply

SECTORS_BYTES = (512, 4096)
_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_FD = re.compile(r"\d+<((?:\\x[0-9a-f]{2})*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_RESULT_PATH = re.compile(r"= \d+<((?:\\x[0-9a-f]{2})*)>")


class Step(msgspec.Struct, frozen=True):
    """One call that matters. `name` is the file's, or empty for the folder."""

    kind: Literal["make", "write", "cut", "sync", "remove", "acknowledge"]
    name: str = ""
    at: int = 0
    content: bytes = b""


def read_steps(calls: Path, folder: Path) -> Iterator[Step]:
    """What strace (-f -xx -y) recorded about a folder, and what was acknowledged on sockets."""
    frames: dict[str, FrameBuffer] = {}
    for line in calls.read_text().splitlines():
        if (found := _CALL.match(line)) is None or found[3].startswith("-"):
            continue
        call, arguments, _ = found.groups()
        if call == "openat":
            if "O_CREAT" in arguments and (opened := _RESULT_PATH.search(line)):
                yield from _of(folder, _text(opened[1]), "make")
        elif call in {"unlink", "unlinkat"}:
            yield from _of(folder, _strings(arguments), "remove")
        elif fd := _FD.match(arguments):
            path = _text(fd[1])
            if path.startswith("socket:"):
                buffer = frames.setdefault(path, FrameBuffer())
                yield from _acknowledged(buffer, _strings(arguments).encode("latin-1"))
            else:
                yield from _file_step(folder, path, call, arguments)


def _file_step(folder: Path, path: str, call: str, arguments: str) -> Iterator[Step]:
    last = arguments.rpartition(", ")[2]
    if call in {"fsync", "fdatasync"}:
        yield from _of(folder, path, "sync")
    elif call == "ftruncate":
        yield from _of(folder, path, "cut", int(last))
    elif call == "pwrite64":
        yield from _of(folder, path, "write", int(last), _strings(arguments).encode("latin-1"))


def _of(folder: Path, path: str, kind: str, at: int = 0, content: bytes = b"") -> Iterator[Step]:
    """A step, where it is about the folder; shared memory is no file."""
    inside = Path(path) == folder or Path(path).parent == folder
    if inside and not path.endswith("-shm"):
        name = "" if Path(path) == folder else Path(path).name
        yield msgspec.convert({"kind": kind, "name": name, "at": at, "content": content}, Step)


def _acknowledged(buffer: FrameBuffer, sent: bytes) -> Iterator[Step]:
    for _, body in buffer.feed(sent):
        reply = parse_reply(body)
        if isinstance(reply, Durable):
            yield Step("acknowledge", at=reply.index)


def _strings(arguments: str) -> str:
    return "".join(_text(found) for found in _TEXT.findall(arguments))


def _text(escaped: str) -> str:
    return bytes.fromhex(escaped.replace("\\x", "")).decode("latin-1")


class File:
    """One file: what is durable of it, and what was done since."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[Step] = []

    def sync(self) -> None:
        for step in self.pending:
            _apply(self.durable, step)
        self.pending.clear()


class Disk:
    """The folder at one point of the recording."""

    def __init__(self) -> None:
        self._files: dict[str, File] = {}  # as the running process sees them
        self._names: dict[str, File] = {}  # durable
        self._pending_names: list[tuple[str, File | None]] = []
        self.acknowledged = 0

    def take(self, step: Step) -> None:
        """Go one step on."""
        match step.kind:
            case "make":
                if step.name not in self._files:
                    self._link(step.name, File())
            case "remove":
                self._files.pop(step.name, None)
                self._pending_names.append((step.name, None))
            case "sync" if not step.name:
                _apply_names(self._names, self._pending_names)
                self._pending_names.clear()
            case "sync":
                self._files[step.name].sync()
            case "write" | "cut":
                self._files[step.name].pending.append(step)
            case "acknowledge":
                self.acknowledged = max(self.acknowledged, step.at + 1)

    def _link(self, name: str, file: File) -> None:
        self._files[name] = file
        self._pending_names.append((name, file))

    def lose_power(self, folder: Path, dice: random.Random) -> None:
        """Write into an empty folder what may be left."""
        names = dict(self._names)
        kept = dice.choice([0, len(self._pending_names), dice.randint(0, len(self._pending_names))])
        _apply_names(names, self._pending_names[:kept])
        for name, file in names.items():
            content = bytearray(file.durable)
            how = dice.choice(["drop", "keep", "mix", "mix", "last"])
            for number, step in enumerate(file.pending, 1):
                if how == "last":  # all but the last, and that one torn
                    _keep(content, step, dice, "keep" if number < len(file.pending) else "tear")
                else:
                    _keep(content, step, dice, how)
            (folder / name).write_bytes(content)


def _keep(content: bytearray, step: Step, dice: random.Random, how: str) -> None:
    if how == "mix":
        how = dice.choice(["drop", "keep", "tear"])
    if how == "keep":
        _apply(content, step)
    elif how == "tear" and step.kind == "write":
        sector = dice.choice(SECTORS_BYTES)
        start = step.at
        while start < step.at + len(step.content):
            end = min((start // sector + 1) * sector, step.at + len(step.content))
            if dice.random() < 0.5:
                part = step.content[start - step.at : end - step.at]
                _apply(content, Step("write", step.name, start, part))
            start = end


def _apply(content: bytearray, step: Step) -> None:
    end = step.at + len(step.content)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if step.kind == "cut":
        del content[step.at :]
    else:
        content[step.at : end] = step.content


def _apply_names(names: dict[str, File], changes: list[tuple[str, File | None]]) -> None:
    for name, file in changes:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file
