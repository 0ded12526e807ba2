# SPDX-License-Identifier: Apache-2.0
"""Policies: the example of the specification, what is enough, and which line is wrong."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.keys import generate_private_key
from gateway.errors import SetupError, TrustError
from gateway.tlog.checkpoint import sign_checkpoint
from gateway.tlog.cosignature import sign_cosignature
from gateway.tlog.note import (
    COSIGNER_KEY,
    Note,
    NoteSigner,
    format_note,
    parse_note,
    parse_signature,
)
from gateway.tlog.policy import parse_policy, verify_witnessed

LOG = NoteSigner.from_pem("log.example/a", generate_private_key("ed25519"))
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")
WITNESSES = {
    name: NoteSigner.from_pem(f"witness.example/{name}", generate_private_key("ed25519"), 4)
    for name in NAMES
}
KEYS = {name: signer.public.vkey for name, signer in WITNESSES.items()}
DEFINED = "".join(f"witness {name} {KEYS[name]}\n" for name in NAMES)
# The example of c2sp.org/tlog-policy, with keys.
EXAMPLE = f"""log {LOG.public.vkey}

{DEFINED}
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
NOTE = sign_checkpoint(7, bytes(32), LOG)


def cosigned(*names: str) -> bytes:
    parsed = parse_note(NOTE)
    lines = [parse_signature(sign_cosignature(NOTE, WITNESSES[n], 1000 + len(n))) for n in names]
    return format_note(Note(parsed.text, (*parsed.signatures, *lines)))


def test_the_example_of_the_specification_means_what_it_says() -> None:
    policy = parse_policy(EXAMPLE.encode())
    assert [log.key.vkey for log in policy.logs] == [LOG.public.vkey]
    assert tuple(witness.name for witness in policy.witnesses) == NAMES
    for count in range(len(NAMES) + 1):
        for names in combinations(NAMES, count):
            x_count = sum(name[0] == "X" for name in names)
            assert policy.satisfied(names) == (x_count >= 2 and len(names) > x_count), names


def test_names_of_groups_and_of_strangers_count_for_nothing() -> None:
    policy = parse_policy(EXAMPLE.encode())
    assert not policy.satisfied({"X-and-Y", "X-witnesses", "Y-witnesses", "Z1"})


def test_white_space_comments_urls_and_foreign_letters_are_allowed() -> None:
    policy = parse_policy(
        f"\t# 见证单位\n  witness \t 甲 {KEYS['X1']}   https://w.example/a \t\n\n"
        f"witness K {KEYS['X2']}\nwitness \u212a {KEYS['X3']}\nquorum 甲\n".encode()
    )
    assert [(one.name, one.url) for one in policy.witnesses] == [
        ("甲", "https://w.example/a"),
        ("K", None),
        ("\u212a", None),
    ]
    assert policy.satisfied({"甲"})


def test_names_are_bytes_and_need_not_be_utf_8() -> None:
    content = b"witness \xff " + KEYS["X1"].encode() + b"\nquorum \xff\n"
    assert parse_policy(content).satisfied({"\udcff"})


def test_without_a_quorum_nobody_is_needed() -> None:
    policy = parse_policy(b"quorum none\n")
    assert policy.satisfied(())
    assert verify_witnessed(NOTE, policy) == {}


def test_thirty_two_of_each_are_not_too_many() -> None:
    keys = [
        [
            NoteSigner.from_pem(f"{kind}.example/{n}", generate_private_key("ed25519"), kind)
            for n in range(32)
        ]
        for kind in (1, COSIGNER_KEY)
    ]
    lines = [f"log {signer.public.vkey}" for signer in keys[0]]
    lines += [f"witness w{n} {signer.public.vkey}" for n, signer in enumerate(keys[1])]
    lines += [f"group g{n} 1 w{n}" for n in range(32)]
    policy = parse_policy("\n".join([*lines, "quorum g31", ""]).encode())
    assert policy.satisfied({"w31"})


@given(st.data())
def test_what_is_satisfied_stays_so_with_more_cosigners(data: st.DataObject) -> None:
    free, lines, quorum = list(NAMES), [], "X1"
    for number in range(data.draw(st.integers(1, 5))):
        members = data.draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
        free = [name for name in free if name not in members] + [f"g{number}"]
        words = st.sampled_from(["any", "all"]) | st.integers(1, len(members)).map(str)
        lines.append(f"group g{number} {data.draw(words)} {' '.join(members)}\n")
        quorum = f"g{number}"
    policy = parse_policy(f"{DEFINED}{''.join(lines)}quorum {quorum}\n".encode())
    some = data.draw(st.sets(st.sampled_from(NAMES)))
    more = some | data.draw(st.sets(st.sampled_from(NAMES)))
    assert policy.satisfied(some) <= policy.satisfied(more)
    assert policy.satisfied(NAMES)
    assert not policy.satisfied(())


def test_a_checkpoint_with_enough_cosignatures_is_witnessed() -> None:
    policy = parse_policy(EXAMPLE.encode())
    note = cosigned("X1", "X3", "Y2")
    assert verify_witnessed(note, policy) == {"X1": 1002, "X3": 1002, "Y2": 1002}
    with pytest.raises(TrustError, match="2 of 6 witnesses are no quorum"):
        verify_witnessed(cosigned("X1", "Y2"), policy)


def test_a_wrong_cosignature_is_not_made_up_for_by_others() -> None:
    policy = parse_policy(EXAMPLE.encode())
    parsed = parse_note(cosigned("X1", "X2", "X3", "Y1"))
    bad = parsed.signatures[-1]
    bad = type(bad)(bad.name, bad.key_id, bytes(72))
    with pytest.raises(TrustError, match=r"witness\.example/Y1 does not verify"):
        verify_witnessed(format_note(Note(parsed.text, (*parsed.signatures[:-1], bad))), policy)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1 comes to the end without a quorum line"),
        ("log\n", "line 1 is not a log, witness, group or quorum line"),
        ("\nquorom x\n", "line 2 is not a log"),
        ("quorum none", "line 1 does not end in a newline"),
        ("quorum none\r\n", "line 1 has a control character"),
        ("quorum none\nquorum none\n", "line 2 is a second quorum line"),
        ("quorum all\n", "line 1 names a witness or group that no line before it defines"),
        ("quorum X1\nwitness X1 {X1}\n", "line 1 names a witness or group that no"),
        ("log {X1}\n", "line 1 has a key that cannot be used"),
        ("witness X1 {LOG}\n", "line 1 has a key that cannot be used"),
        ("log {LOG} a b\n", "line 1 is not"),
        ("log {LOG}\nlog {LOG} u\n", "line 2 has a key that an earlier"),
        ("witness X1 {X1}\nwitness X2 {X1}\n", "line 2 has a key that an earlier"),
        ("witness none {X1}\n", "line 1 defines a name that is taken"),
        ("witness X1 {X1}\nwitness X1 {X2}\n", "line 2 defines a name that is"),
        ("{DEFINED}group X1 any X2\n", "line 7 defines a name that is taken"),
        ("{DEFINED}group g any g\n", "line 7 names a member that no line before it defines"),
        ("{DEFINED}group g any none\n", "line 7 names a member that no line"),
        ("{DEFINED}group g any\n", "line 7 is not"),
        ("{DEFINED}group g 0 X1\n", "line 7 asks for another count than 1 to 1"),
        ("{DEFINED}group g 2 X1\n", "line 7 asks for another count"),
        ("{DEFINED}group g 01 X1\n", "line 7 asks for another count"),
        ("{DEFINED}group g two X1\n", "line 7 asks for another count"),
        ("{DEFINED}group g all X1 X1\n", "line 7 names a member that stands in a group already"),
        ("{DEFINED}group g all X1\ngroup h all X1\n", "line 8 names a member that stands in a"),
    ],
)
def test_the_first_wrong_line_is_named(content: str, said: str) -> None:
    # Filled in here: keys are new in each process, and names of tests must not be.
    written = content.format(**KEYS, LOG=LOG.public.vkey, DEFINED=DEFINED)
    with pytest.raises(SetupError) as refused:
        parse_policy(written.encode(), "witness.policy")
    assert refused.value.detail.startswith(f"witness.policy: {said}")


def test_a_key_under_another_name_is_the_same_key() -> None:
    pem = generate_private_key("ed25519")
    first, second = (NoteSigner.from_pem(name, pem, COSIGNER_KEY).public.vkey for name in "ab")
    with pytest.raises(SetupError, match="line 2 has a key that an earlier line has"):
        parse_policy(f"witness a {first}\nwitness b {second}\nquorum none\n".encode())
