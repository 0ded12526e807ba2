# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/how-to/sign-a-request, each run as it stands against a real gateway."""

import copy
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature

from fixtures.citizens import Citizen
from fixtures.world import KEYIDS, World
from tests.integration.wire import lookup_body

EXAMPLES = Path(__file__).parents[2] / "docs/how-to/sign-a-request"
LIMIT_S = 60.0
PROGRAMS = {
    "python": (sys.executable, "python_client.py"),
    "curl": ("sh", "curl_client.sh"),
    "node": ("node", "node.mjs"),
    "java": ("java", "SignedLookup.java"),
    "go": ("go", "run", "client.go"),
}
VERIFIERS = {"node": "not the gateway's", "python": "InvalidSignature"}
NEEDS = {"curl": ("sh", "openssl", "curl")}


def run(
    program: str,
    world: World,
    citizen: Citizen,
    folder: Path,
    *,
    gateway_key: Path | None = None,
    keyid: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run an example; with a gateway's key, the one that verifies the answer."""
    for tool in NEEDS.get(program, PROGRAMS[program][:1]):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: {program} example not executed")
    request = folder / "request.json"
    request.write_bytes(msgspec.json.encode(lookup_body(world, citizen.id_number)))
    *runner, file = PROGRAMS[program]
    more = [] if gateway_key is None else [str(gateway_key)]
    if more and program == "python":
        file = "python_verify.py"
    go = {"GOCACHE": str(folder.parent / "go-build"), "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    return subprocess.run(
        [*runner, str(EXAMPLES / file), world.url, str(world.agency_key()),
         keyid or KEYIDS["ecdsa-p256-sha256"], str(request), *more],
        capture_output=True, text=True, check=False, timeout=LIMIT_S, env=os.environ | go,
    )  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_example_gets_an_answer(
    program: str, world: World, citizen: Citizen, tmp_path: Path
) -> None:
    done = run(program, world, citizen, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = msgspec.json.decode(done.stdout)
    assert (answer["outcome"], answer["fields"]["name"]) == ("found", citizen.name)


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_example_shows_a_refusal(
    program: str, world: World, citizen: Citizen, tmp_path: Path
) -> None:
    done = run(program, world, citizen, tmp_path, keyid="nobody")
    assert done.returncode != 0
    assert msgspec.json.decode(done.stdout)["code"] == "KEY_UNKNOWN"


@pytest.mark.parametrize("program", VERIFIERS)
def test_an_example_verifies_the_answer(
    program: str, world: World, citizen: Citizen, tmp_path: Path
) -> None:
    key = world.site / "keys/gateway.pub.pem"
    done = run(program, world, citizen, tmp_path, gateway_key=key)
    assert done.returncode == 0, done.stderr
    assert citizen.name in done.stdout


@pytest.mark.parametrize(("program", "says"), VERIFIERS.items())
def test_an_example_believes_no_other_gateway(
    program: str, says: str, world: World, citizen: Citizen, tmp_path: Path
) -> None:
    other = world.agency_key().with_suffix(".pub.pem")
    done = run(program, world, citizen, tmp_path, gateway_key=other)
    assert done.returncode != 0
    assert citizen.name not in done.stdout
    assert says in done.stderr


def changed(answer: Any, change: str) -> Any:
    """The answer as somebody between client and gateway might have changed it."""
    other = copy.deepcopy(answer)
    match change:
        case "status":
            other.status_code = 403
        case "body":
            other._content += b" "
        case "request":
            fields = other.request.headers
            fields["Signature-Input"] = fields["Signature-Input"].replace("nonce=", "nonce=0")
        case "receipt":
            other.headers["Audit-Receipt"] += "0"
        case _:
            del other.headers[change]
    return other


@pytest.mark.parametrize(
    "change",
    ["status", "body", "request", "receipt", "Audit-Receipt", "Signature", "Signature-Input"],
)
def test_the_python_example_believes_no_changed_answer(
    change: str, world: World, citizen: Citizen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    example = runpy.run_path(str(EXAMPLES / "python_verify.py"))
    request = tmp_path / "request.json"
    request.write_bytes(msgspec.json.encode(lookup_body(world, citizen.id_number)))
    gateway_key = (world.site / "keys/gateway.pub.pem").read_bytes()
    keyid = KEYIDS["ecdsa-p256-sha256"]
    answer = example["ask"](world.url, world.agency_key(), keyid, request)
    example["verify"](answer, gateway_key)
    with pytest.raises((ValueError, InvalidSignature)):
        example["verify"](changed(answer, change), gateway_key)


@pytest.mark.parametrize("file", ["python_client.py", "python_verify.py"])
def test_a_python_example_is_short(file: str) -> None:
    lines = (EXAMPLES / file).read_text().splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 120
