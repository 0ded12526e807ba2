# SPDX-License-Identifier: Apache-2.0
"""Departments at their door: those of the folder as it is now, and no others."""

import time
from functools import partial
from pathlib import Path

import pytest

from gateway.admission.admission import Admission
from gateway.admission.departments import DepartmentDoor
from gateway.crypto.keys import Signer, generate_private_key, load_signer, public_pem
from gateway.errors import RequestError
from gateway.httpsig import SignedRequest, content_digest, request_signature_headers
from gateway.model.agency import AgencyKey
from gateway.model.department import Department
from gateway.model.toml_text import format_toml
from gateway.ports import Caller

BODY = b"{}"


class Gate:
    """A site's folder of departments, and its door."""

    def __init__(self, site: Path) -> None:
        self._folder = site / "departments"
        self._folder.mkdir()
        open_door = partial(
            Admission, authorities=("gateway.example",), clock_window_s=60, clock=time.time
        )
        self.door = DepartmentDoor(site, open_door)

    def add(self, name: str, *, active: bool = True) -> Signer:
        private = generate_private_key("ed25519")
        key = AgencyKey(f"{name}-1", "ed25519", public_pem(private))
        department = Department(name, name, ("public_security",), active, (key,))
        (self._folder / f"{name}.toml").write_text(format_toml(department))
        return load_signer(private, key.id)

    def write(self, name: str, text: str) -> None:
        (self._folder / f"{name}.toml").write_text(text)

    def identify(self, signer: Signer) -> Caller:
        lines = {"content-type": ("application/json",), "content-digest": (content_digest(BODY),)}
        request = SignedRequest(
            method="POST",
            authority="gateway.example",
            path="/v1/invalidations",
            query="?",
            lines=lambda name: lines.get(name, ()),
            has_body=True,
        )
        added = request_signature_headers(
            request, signer=signer, created=int(time.time()), nonce="A" * 24
        )
        lines |= {name.lower(): (value,) for name, value in added.items()}
        return self.door.identify(request, BODY, "127.0.0.1", None)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_a_department_is_known_by_its_key_and_its_adapters(gate: Gate) -> None:
    caller = gate.identify(gate.add("yq-ga"))
    assert caller.agency.id == "yq-ga"
    assert gate.door.adapters_of(caller) == ("public_security",)


def test_a_change_of_its_file_counts_at_once(gate: Gate) -> None:
    gate.identify(gate.add("yq-ga"))
    with pytest.raises(RequestError, match="AGENCY_INACTIVE"):
        gate.identify(gate.add("yq-ga", active=False))


def test_a_file_that_cannot_be_used_lets_nobody_in_and_holds_nobody_back(gate: Gate) -> None:
    other, signer = gate.add("yq-other"), gate.add("yq-ga")
    known = gate.identify(signer)
    gate.write("yq-ga", "id = ")
    with pytest.raises(RequestError, match="KEY_UNKNOWN"):
        gate.identify(signer)
    assert gate.identify(other).agency.id == "yq-other"
    assert gate.door.adapters_of(known) == ()
