# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TrustError
from gateway.tlog.checkpoint import MAX_SIZE
from gateway.tlog.submission import (
    MAX_PROOF_COUNT,
    Submission,
    format_size,
    format_submission,
    parse_size,
    parse_submission,
)

#: c2sp.org/tlog-witness, the example of a request.
EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
""".encode()

sizes = st.integers(0, MAX_SIZE)
submissions = st.builds(
    Submission,
    sizes,
    st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_PROOF_COUNT).map(tuple),
    st.binary(max_size=80),
)


@given(submissions)
def test_what_is_written_is_read_as_the_same(submission: Submission) -> None:
    assert parse_submission(format_submission(submission)) == submission


@given(st.binary(max_size=120) | st.sampled_from([EXAMPLE]).flatmap(lambda e: st.just(e[5:])))
def test_what_is_read_would_be_written_as_the_same(body: bytes) -> None:
    try:
        submission = parse_submission(body)
    except TrustError:
        return
    assert format_submission(submission) == body


def test_the_example_of_the_specification_is_read() -> None:
    submission = parse_submission(EXAMPLE)
    assert (submission.old_size, len(submission.proof)) == (20852014, 4)
    assert submission.note.startswith(b"example.com/behind-the-sofa\n20852163\n")
    assert format_submission(submission) == EXAMPLE


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"old",
        b"old ",
        b"old 01",
        b"old -1",
        b"old +1",
        b"old 1 ",
        b"Old 1",
        b"old 9223372036854775808",
        b"old 1\r",
        "old １".encode(),
        b"old 1\nnot base64",
        b"old 1\n" + b"A" * 43,
        b"old 1\n" + b"A" * 42 + b"B=",  # spare bits
        b"old 1\n" + b"A" * 44,
        b"old 1\n" + b"\n".join([b"A" * 43 + b"="] * (MAX_PROOF_COUNT + 1)),
    ],
)
def test_another_form_is_refused(head: bytes) -> None:
    with pytest.raises(TrustError):
        parse_submission(head + b"\n\nnote")


def test_without_an_empty_line_there_is_no_checkpoint() -> None:
    with pytest.raises(TrustError):
        parse_submission(b"old 1\n")


@given(sizes)
def test_a_size_is_written_and_read_as_the_same(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize("body", [b"", b"1", b"01\n", b"-1\n", b"1\n\n", b"9223372036854775808\n"])
def test_another_form_of_a_size_is_refused(body: bytes) -> None:
    with pytest.raises(TrustError):
        parse_size(body)
