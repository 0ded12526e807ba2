# SPDX-License-Identifier: Apache-2.0
"""`conformance.toml`: what the kit has to know of an adapter, beside its `pyproject.toml`.

::

    [simulator]                         # a process that prints one JSON line when it is ready
    command = ["{python}", "-m", "gateway_adapter_housing_fund.simulator", "--port", "0"]

    [settings]                          # as adapters/<name>.toml has them
    url = "http://127.0.0.1:{port}"     # {port} of the simulator's line
    secret = "env:SECRET"

    [secrets]
    "env:SECRET" = "demo-secret"

    [department]                        # where faults go: text of a setting or a secret
    protocol = "http"
    address = "127.0.0.1:{port}"

    [[found]]
    number = "140302190001010017"
    fields = { id_number = "140302190001010017", balance = "100.00" }

    [[not_found]]
    number = "140303190001020027"

    [exempt]
    "YZ-N02" = "the register takes 20 ms by itself"

Rules: unknown keys are refused. In text, `{here}` is the folder of this file, `{work}` an empty
folder that is removed at the end, `{python}` the interpreter, any other `{word}` a member of the
line that the simulator printed; what is none of these stays as it is. `[files]` puts text into
`{work}`.
"""

import os
import re
import select
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

import msgspec

from gateway.conformance.plugin import plugin_of
from gateway.conformance.subject import Department, Sample, Subject
from gateway.errors import SetupError

FILE: Final = "conformance.toml"
_WORD: Final = re.compile(r"\{([a-z_]+)\}")
_STOP_S: Final = 10.0


class Simulator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[simulator]`.

    Attributes:
        command: program and arguments.
        ready_s: seconds within which it says that it is ready.
    """

    command: tuple[str, ...]
    ready_s: float = 60.0


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`conformance.toml`.

    Attributes:
        department: where faults go.
        found: holders with a record.
        not_found: holders without.
        plugin: name of the entry point; may be left out where `pyproject.toml` has one.
        simulator: the department's system; None where the department is files.
        settings: of the adapter.
        secrets: text by reference.
        files: text by name, put into `{work}` first.
        exempt: reason by check id.
    """

    department: Department
    found: tuple[Sample, ...]
    not_found: tuple[Sample, ...]
    plugin: str | None = None
    simulator: Simulator | None = None
    settings: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    files: dict[str, str] = {}
    exempt: dict[str, str] = {}


@contextmanager
def subject_of(file: Path) -> Iterator[Subject]:
    """Start the department's simulator and give the subject; stop it at the end.

    Args:
        file: a `conformance.toml`.

    Raises:
        SetupError: the file, the plugin or the simulator cannot be used.
    """
    file = file.resolve()
    manifest = load_manifest(file)
    adapter = plugin_of(file.parent, manifest.plugin)
    with TemporaryDirectory(prefix="yz-") as work:
        words: dict[str, str] = {
            "here": str(file.parent),
            "work": work,
            "python": sys.executable,
        }
        for name, text in manifest.files.items():
            (Path(work) / name).write_text(_filled(text, words), encoding="utf-8")
        with _simulated(manifest.simulator, words, file.parent) as ready:
            words |= {key: str(value) for key, value in ready.items()}
            yield Subject(
                adapter=adapter,
                settings=_filled(manifest.settings, words),
                secrets=_filled(manifest.secrets, words),
                found=manifest.found,
                not_found=manifest.not_found,
                department=_filled_department(manifest.department, words),
                exempt=manifest.exempt,
                folder=file.parent,
            )


def load_manifest(file: Path) -> Manifest:
    """Read a `conformance.toml`.

    Raises:
        SetupError: it is not there, is no TOML, or has members of another form.
    """
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Manifest)
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}",
            where=str(file),
            remedy="write one; docs/how-to/check-an-adapter.md shows how.",
        ) from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise SetupError(
            str(error), where=str(file), remedy="see docs/how-to/check-an-adapter.md for the form."
        ) from None


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    """The value with words in braces replaced in all its text."""
    match value:
        case str():
            return _WORD.sub(lambda found: words.get(found[1], found[0]), value)
        case Mapping():
            return {key: _filled(inner, words) for key, inner in value.items()}
        case Sequence():
            return [_filled(inner, words) for inner in value]
        case _:
            return value


def _filled_department(department: Department, words: Mapping[str, str]) -> Department:
    address, state = _filled([department.address, department.state], words)
    return Department(department.protocol, address, state)


@contextmanager
def _simulated(
    simulator: Simulator | None, words: Mapping[str, str], folder: Path
) -> Iterator[Mapping[str, Any]]:
    """The running simulator, by what it said when it was ready."""
    if simulator is None:
        yield {}
        return
    command = _filled(simulator.command, words)
    try:
        process = subprocess.Popen(  # noqa: S603 - the author's own command
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
    except OSError as error:
        raise SetupError(
            f"the simulator cannot be started: {error.strerror}",
            where=f"{folder / FILE}: $.simulator.command",
            remedy="begin the command with `{python}`, `-m` and the simulator's module.",
        ) from None
    try:
        assert process.stdout is not None
        yield _ready(process.stdout, simulator.ready_s, folder / FILE)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _ready(stdout: IO[bytes], limit_s: float, file: Path) -> Mapping[str, Any]:
    until_s = time.monotonic() + limit_s
    line = b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([stdout], [], [], max(0.0, until_s - time.monotonic()))
        part = os.read(stdout.fileno(), 4096) if readable else b""
        if not part:
            raise SetupError(
                "the simulator did not say that it is ready",
                where=f"{file}: $.simulator",
                remedy="run its command by hand; gateway.sdk.kits.simulator.announce says it.",
            )
        line += part
    try:
        said: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SetupError(
            "the simulator's first line is not a JSON object",
            where=f"{file}: $.simulator",
            remedy="print nothing before gateway.sdk.kits.simulator.announce.",
        ) from None
    return said
