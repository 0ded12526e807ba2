# SPDX-License-Identifier: Apache-2.0
"""Who vouches for the log: the files that `[audit]` names, read and checked at start-up."""

from pathlib import Path

import msgspec

from gateway.crypto.timestamp import TimestampAuthority
from gateway.errors import RequestError, SetupError
from gateway.model.audit_site import AuditSection
from gateway.tlog.note import NoteVerifier
from gateway.tlog.policy import Policy, parse_policy


class NotaryPlan(msgspec.Struct, frozen=True):
    """Who is asked.

    Attributes:
        policy: witnesses and quorum, or None.
        authority: of timestamps, or None.
        section: `[audit]`.
    """

    policy: Policy | None
    authority: TimestampAuthority | None
    section: AuditSection


def load_plan(section: AuditSection, folder: Path, key: NoteVerifier) -> NotaryPlan:
    """Read the files that `[audit]` names.

    Args:
        folder: of the site.
        key: of the log.

    Raises:
        SetupError: a file that cannot be read, or that does not fit.
    """
    policy = authority = None
    if section.witness_policy is not None:
        path = folder / section.witness_policy
        policy = parse_policy(_read(path), str(path))
        _check_policy(policy, path, key)
    if section.timestamps is not None:
        if section.timestamps.grace_s <= section.timestamps.interval_s:
            raise SetupError(
                "grace_s is not greater than interval_s, so lookups would be refused each time",
                where="gateway.toml: $.audit.timestamps",
                remedy="allow for several intervals, and for the time to mend an outage.",
            )
        paths = folder / section.timestamps.certificate, folder / section.timestamps.roots
        try:
            authority = TimestampAuthority(*map(_read, paths))
        except RequestError as error:
            raise SetupError(
                f"one of the two is no X.509 certificate: {error.detail}",
                where=" or ".join(map(str, paths)),
                remedy="name PEM files; see docs/how-to/timestamp-checkpoints.md.",
            ) from None
    return NotaryPlan(policy, authority, section)


def _check_policy(policy: Policy, path: Path, key: NoteVerifier) -> None:
    asked = [witness for witness in policy.witnesses if witness.url is not None]
    wrong = None
    if policy.logs and key.vkey not in {log.key.vkey for log in policy.logs}:
        wrong = "this log is not one of its logs"
    elif not policy.satisfied({witness.name for witness in asked}):
        wrong = "the witnesses that have a URL are no quorum"
    elif any(not witness.name.isprintable() for witness in asked):
        wrong = "the name of a witness cannot be shown"
    if wrong is not None:
        raise SetupError(wrong, where=str(path), remedy="see docs/how-to/run-a-witness.md.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}",
            where=str(path),
            remedy="put the file there, or take its key out of [audit].",
        ) from None
