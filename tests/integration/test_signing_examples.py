# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/how-to/sign-a-request, each run as it stands against a real gateway."""

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

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
NEEDS = {"curl": ("sh", "openssl", "curl")}


def run(
    program: str, world: World, citizen: Citizen, folder: Path, *more: str, keyid: str = ""
) -> subprocess.CompletedProcess[str]:
    for tool in NEEDS.get(program, PROGRAMS[program][:1]):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: {program} example not executed")
    request = folder / "request.json"
    request.write_bytes(msgspec.json.encode(lookup_body(world, citizen.id_number)))
    *runner, file = PROGRAMS[program]
    key = world.agency_key()
    return subprocess.run(
        [*runner, str(EXAMPLES / file), world.url, str(key), keyid or KEYIDS["ecdsa-p256-sha256"],
         str(request), *more],
        capture_output=True, text=True, check=False, timeout=LIMIT_S,
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


def test_node_verifies_the_answer(world: World, citizen: Citizen, tmp_path: Path) -> None:
    done = run("node", world, citizen, tmp_path, str(world.site / "keys/gateway.pub.pem"))
    assert done.returncode == 0, done.stderr
    assert citizen.name in done.stdout


def test_node_believes_no_other_gateway(world: World, citizen: Citizen, tmp_path: Path) -> None:
    other = world.agency_key().with_suffix(".pub.pem")
    done = run("node", world, citizen, tmp_path, str(other))
    assert done.returncode != 0
    assert citizen.name not in done.stdout
    assert "not the gateway's" in done.stderr


def test_the_python_example_is_short() -> None:
    assert len((EXAMPLES / "python_client.py").read_text().splitlines()) < 40
