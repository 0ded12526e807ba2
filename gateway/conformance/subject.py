# SPDX-License-Identifier: Apache-2.0
"""What is checked: an adapter class, how to reach its department, and what is known to be true.

Everything here is synthetic: the department is a simulator, the holders are nobody.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.errors import SetupError
from gateway.model.certificate import CertificateType, Value
from gateway.model.discreet import Discreet
from gateway.model.holder import Holder, Scheme
from gateway.sdk import Adapter

#: How the department is spoken to; decides which faults can be put in.
Protocol = Literal["http", "soap", "postgres", "sqlite", "file"]


class Sample(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One holder, and what the department has to answer.

    Attributes:
        number: valid under its scheme.
        scheme: `cn-id` or `cn-uscc`.
        name: goes along with the question; None asks without.
        certificate: which of the adapter's certificates; may be left out where there is one.
        fields: exactly what is found; a field that is left out must be absent or None. Empty for
            a holder of whom the department has no record.
        claims: what else the question must hold, where the certificate has further key fields.
        division: administrative division that is asked, six digits, where the adapter needs one.
    """

    number: str
    scheme: Scheme = "cn-id"
    name: str | None = None
    certificate: str = ""
    fields: dict[str, Value] = {}
    claims: dict[str, Value] = {}
    division: str | None = None

    @property
    def holder(self) -> Holder:
        """The holder who is asked about."""
        return Holder(self.scheme, self.number, self.name)


class Department(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the department's system is, so that faults can be put in front of it.

    Attributes:
        protocol: `http`, `soap`, `postgres`, `sqlite` or `file`.
        address: text that stands in a setting or a secret and is replaced there: `host:port`; for
            `postgres` also the folder of its Unix socket; for files the path of the file or folder.
        state: of a file drop, the folder in which the adapter keeps what it has read. Each fault
            gets an empty one, since the last good delivery is what hides a bad one.
    """

    protocol: Protocol
    address: str
    state: str = ""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter and all that the kit has to know about it.

    Attributes:
        adapter: the class.
        settings: as `[settings]` of adapters/<name>.toml holds them.
        secrets: text of each secret by the reference in `settings`.
        found: holders with a record, two or more.
        not_found: holders without one, with valid numbers.
        department: where faults go.
        exempt: reason by id of a check that this adapter need not pass.
        folder: source of the distribution; its documents count for the tier. None is unknown.
    """

    adapter: type[Adapter[Any]]
    settings: Mapping[str, object]
    secrets: Mapping[str, str] = {}
    found: tuple[Sample, ...]
    not_found: tuple[Sample, ...]
    department: Department
    exempt: Mapping[str, str] = {}
    folder: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what no check could be made of.

        Raises:
            SetupError: no holder, an address that no setting holds, or a reason that says nothing.
        """
        if not self.found or not self.not_found:
            raise SetupError(
                "a subject needs a holder with a record and one without",
                remedy="give `found` and `not_found` at least one holder each.",
            )
        for what, samples in (("found", self.found), ("not_found", self.not_found)):
            if any(bool(sample.fields) != (what == "found") for sample in samples):
                raise SetupError(
                    "a holder who is found needs fields, and one who is not has none",
                    where=what,
                    remedy="write exactly the fields that are found.",
                )
        held = msgspec.json.encode((self.settings, self.secrets)).decode()
        if msgspec.json.encode(self.department.address).decode()[1:-1] not in held:
            raise SetupError(
                "the department's address stands in no setting and no secret",
                where="department.address",
                remedy="write it as the setting does: `host:port`, a socket's folder, or a path.",
            )
        for check_id, reason in self.exempt.items():
            if not reason.strip():
                raise SetupError(
                    f"the exemption of {check_id} has no reason",
                    where="exempt",
                    remedy="say why in one sentence; reports show it.",
                )

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All holders."""
        return self.found + self.not_found

    def certificate_of(self, sample: Sample) -> CertificateType:
        """The certificate type that a sample is about.

        Raises:
            SetupError: the adapter has none of that name, or several and none is named.
        """
        named = [c for c in self.adapter.certificates if sample.certificate in {"", c.name}]
        if len(named) != 1:
            raise SetupError(
                "a sample does not name one certificate of the adapter",
                where=sample.certificate or "certificate",
                remedy="name one of " + ", ".join(c.name for c in self.adapter.certificates) + ".",
            )
        return named[0]

    def at(self, address: str, state: str = "") -> "Subject":
        """The same subject with its department, and what is kept of it, somewhere else."""
        mine = self.department

        def moved(value: object) -> object:
            match value:
                case str():
                    text = value.replace(mine.state, state) if mine.state and state else value
                    return text.replace(mine.address, address)
                case Mapping():
                    return {key: moved(inner) for key, inner in value.items()}
                case list() | tuple():
                    return [moved(inner) for inner in value]
                case _:
                    return value

        return msgspec.structs.replace(
            self,
            settings={key: moved(value) for key, value in self.settings.items()},
            secrets={key: str(moved(value)) for key, value in self.secrets.items()},
            department=Department(mine.protocol, address, state or mine.state),
        )

    def secret_source(self) -> Callable[[str], str]:
        """What resolves references in the adapter's context, as the gateway's own does."""

        def secret(reference: str) -> str:
            if reference not in self.secrets:
                raise SetupError(
                    "the secret is not there",
                    where=os.fspath(self.folder or ""),
                    remedy="name the reference of the setting under `secrets`.",
                )
            return self.secrets[reference]

        return secret
