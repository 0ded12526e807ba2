# SPDX-License-Identifier: Apache-2.0
"""Cosignatures: the forms that are published, what is signed, and what sinks a checkpoint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.keys import generate_private_key
from gateway.errors import TrustError
from gateway.tlog.checkpoint import sign_checkpoint, verify_checkpoint
from gateway.tlog.cosignature import MAX_TIME_S, sign_cosignature, verify_cosignature
from gateway.tlog.note import (
    COSIGNER_KEY,
    Note,
    NoteSignature,
    NoteSigner,
    format_note,
    format_signature,
    format_vkey,
    parse_note,
    parse_signature,
    parse_vkey,
    sign_note,
)

# A checkpoint of a public log as it was served in 2026, cut to lines whose keys are known here.
LOG_VKEY = (
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
)
VKEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
SERVED = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
""".encode()  # noqa: E501 - as served
# The example of c2sp.org/tlog-cosignature; its keys are not published.
EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
""".encode()  # noqa: E501 - as published

LOG = NoteSigner.from_pem("log.example/a", generate_private_key("ed25519"))
PEM = generate_private_key("ed25519")
WITNESS = NoteSigner.from_pem("witness.example/1", PEM, COSIGNER_KEY)
NOTE = sign_checkpoint(7, bytes(32), LOG)
TIME_S = 1_795_376_508


def cosigned(note: bytes, *lines: str) -> bytes:
    parsed = parse_note(note)
    return format_note(Note(parsed.text, (*parsed.signatures, *map(parse_signature, lines))))


def test_a_checkpoint_that_a_public_witness_cosigned_verifies() -> None:
    key = parse_vkey(VKEY, COSIGNER_KEY)
    assert (key.name, key.key_id.hex()) == ("remora.n621.de", "da77ade7")
    assert format_vkey(key.name, key.raw_key, COSIGNER_KEY) == VKEY
    assert verify_cosignature(SERVED, key) == 1_779_573_024
    assert verify_checkpoint(SERVED, parse_vkey(LOG_VKEY)).size == 1_432_088_532
    with pytest.raises(TrustError):
        verify_cosignature(SERVED.replace(b"1432088532", b"42"), key)


def test_the_example_of_the_specification_is_read() -> None:
    line = parse_note(EXAMPLE).signatures[1]
    assert int.from_bytes(line.signature[:8], "big") == 1_679_315_147
    assert len(line.signature) == 72
    assert format_note(parse_note(EXAMPLE)) == EXAMPLE


@given(st.integers(0, MAX_TIME_S))
def test_what_was_cosigned_verifies_and_tells_its_time(time_s: int) -> None:
    note = cosigned(NOTE, sign_cosignature(NOTE, WITNESS, time_s))
    assert verify_cosignature(note, WITNESS.public) == time_s
    assert verify_checkpoint(note, LOG.public).size == 7


def test_what_is_signed_is_a_header_the_time_and_the_text() -> None:
    line = parse_signature(sign_cosignature(NOTE, WITNESS, TIME_S))
    message = f"cosignature/v1\ntime {TIME_S}\n".encode() + NOTE.partition(b"\n\n")[0] + b"\n"
    WITNESS.public.verifier.verify(line.signature[8:], message)
    assert line.signature[:8] == TIME_S.to_bytes(8, "big")


def test_of_several_cosignatures_the_newest_tells_the_time() -> None:
    lines = [sign_cosignature(NOTE, WITNESS, TIME_S + later) for later in (0, 60, 30)]
    assert verify_cosignature(cosigned(NOTE, *lines), WITNESS.public) == TIME_S + 60


def test_a_checkpoint_that_nobody_cosigned_is_refused() -> None:
    with pytest.raises(TrustError, match=r"not cosigned by witness\.example/1"):
        verify_cosignature(NOTE, WITNESS.public)


def test_one_wrong_cosignature_of_a_known_witness_sinks_the_checkpoint() -> None:
    good = parse_signature(sign_cosignature(NOTE, WITNESS, TIME_S))
    later = (TIME_S + 1).to_bytes(8, "big") + good.signature[8:]
    bent = good.signature[:-1] + bytes([good.signature[-1] ^ 1])
    for wrong in (later, bent, good.signature[8:], good.signature + b"\0"):
        line = format_signature(NoteSignature(good.name, good.key_id, wrong))
        with pytest.raises(TrustError, match="cosignature"):
            verify_cosignature(cosigned(NOTE, format_signature(good), line), WITNESS.public)


def test_a_cosignature_does_not_fit_another_checkpoint() -> None:
    line = sign_cosignature(NOTE, WITNESS, TIME_S)
    other = sign_checkpoint(8, bytes(32), LOG)
    with pytest.raises(TrustError, match="does not verify"):
        verify_cosignature(cosigned(other, line), WITNESS.public)


def test_a_time_that_no_cosigner_may_write_is_refused() -> None:
    line = sign_cosignature(NOTE, WITNESS, MAX_TIME_S + 1)
    with pytest.raises(TrustError, match="out of range"):
        verify_cosignature(cosigned(NOTE, line), WITNESS.public)


def test_only_checkpoints_are_cosigned() -> None:
    with pytest.raises(TrustError, match="checkpoint"):
        sign_cosignature(sign_note("anything\n", LOG), WITNESS, TIME_S)


def test_the_same_key_is_another_in_a_logs_hands() -> None:
    as_log = NoteSigner.from_pem(WITNESS.public.name, PEM)
    assert as_log.public.raw_key == WITNESS.public.raw_key
    assert as_log.public.key_id != WITNESS.public.key_id
    with pytest.raises(TrustError, match="type 1"):
        parse_vkey(WITNESS.public.vkey)
    with pytest.raises(TrustError, match="type 4"):
        parse_vkey(as_log.public.vkey, COSIGNER_KEY)
    line = sign_cosignature(NOTE, WITNESS, TIME_S)
    with pytest.raises(TrustError, match="not signed by the log's key"):
        verify_checkpoint(cosigned(NOTE, line), as_log.public)
