# SPDX-License-Identifier: Apache-2.0
"""What the run was made on, in words."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Final

from cryptography.hazmat.backends.openssl import backend

from bench.system.processor import core_count

_FSYNCS: Final = 100
_BLOCK: Final = b"\0" * 4096
_LIBRARIES: Final = ("aiohttp", "cryptography", "uvloop", "msgspec", "fastapi", "uvicorn", "pyjwt")


def describe(folder: Path, extra: dict[str, str]) -> dict[str, str]:
    """Processor, kernel, versions, and the disk under that folder.

    Args:
        extra: what else is to be said.
    """
    found = {
        "cpu": _cpu(),
        "cores": str(core_count()),
        "memory_gib": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f}",
        "system": platform.platform(),
        "python": f"{platform.python_version()}, {_origin()}",
        "openssl": backend.openssl_version_text(),
        "fsync_ms": f"{fsync_ms(folder):.2f}",
        "node": _first_line("node", "--version"),
        "wrk": _first_line("wrk", "--version"),
    }
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            found[library] = "absent"
    return found | extra


def _origin() -> str:
    """Where the interpreter is from: one built without profile-guided optimisation is slower."""
    return "the distribution's" if sys.base_prefix == "/usr" else "built apart"


def fsync_ms(folder: Path) -> float:
    """Median of appending a block and making it durable."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_FSYNCS):
            file.write(_BLOCK)
            file.flush()
            began_s = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began_s)
    return sorted(took)[_FSYNCS // 2] * 1e3


def commit() -> str:
    """The commit that was measured, with `+` when files were changed; empty outside git."""
    try:
        name = _git("rev-parse", "--short=12", "HEAD")
        return name + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _cpu() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.processor() or "unknown"


def _first_line(program: str, option: str) -> str:
    if shutil.which(program) is None:
        return "absent"
    done = subprocess.run([program, option], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0].partition(" Copyright")[0]
