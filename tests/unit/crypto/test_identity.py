# SPDX-License-Identifier: Apache-2.0
"""Holders as the log knows them, and the file of epoch keys. All numbers are synthetic."""

import multiprocessing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.epochs import ensure_epoch, load_epoch
from gateway.crypto.identity import EpochCipher
from gateway.errors import SetupError, TrustError

NUMBER = "140302190001010017"
KEK = bytes(range(32))
CIPHER = EpochCipher("2026-11", b"s" * 32)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(texts, texts)
def test_what_was_marked_is_revealed(number: str, entry_id: str) -> None:
    mark = CIPHER.mark_holder("cn-id", number, "140*17", entry_id)
    assert CIPHER.reveal_holder(mark, entry_id) == number


def test_equal_holders_have_equal_indices_within_an_epoch_only() -> None:
    other = EpochCipher("2026-12", b"s" * 32)
    assert CIPHER.index_of("cn-id", NUMBER) == CIPHER.mark_holder("cn-id", NUMBER, "", "e1").ix
    assert CIPHER.index_of("cn-id", NUMBER) != CIPHER.index_of("cn-uscc", NUMBER)
    assert CIPHER.index_of("cn-id", NUMBER) != other.index_of("cn-id", NUMBER)


def test_two_marks_of_one_holder_differ_in_their_ciphertext() -> None:
    first, second = (CIPHER.mark_holder("cn-id", NUMBER, "", "e1") for _ in range(2))
    assert first.ct != second.ct


def test_a_mark_does_not_open_in_another_entry() -> None:
    mark = CIPHER.mark_holder("cn-id", NUMBER, "140*************17", "e1")
    with pytest.raises(TrustError) as refused:
        CIPHER.reveal_holder(mark, "e2")
    assert NUMBER not in str(refused.value)


@pytest.mark.parametrize("secret", [b"t" * 32, b"s" * 32])
def test_a_mark_does_not_open_in_another_epoch(secret: bytes) -> None:
    mark = CIPHER.mark_holder("cn-id", NUMBER, "", "e1")
    with pytest.raises(TrustError):
        EpochCipher("2026-12", secret).reveal_holder(mark, "e1")


@pytest.mark.parametrize(
    "change", [{"ct": "AAAA"}, {"ct": "?"}, {"ix": "AAAA"}, {"scheme": "cn-uscc"}, {"epoch": "x"}]
)
def test_a_changed_mark_does_not_open(change: dict[str, str]) -> None:
    mark = msgspec.structs.replace(CIPHER.mark_holder("cn-id", NUMBER, "", "e1"), **change)
    with pytest.raises(TrustError):
        CIPHER.reveal_holder(mark, "e1")


def test_nothing_shows_the_number_or_the_secret() -> None:
    mark = CIPHER.mark_holder("cn-id", NUMBER, "140*************17", "e1")
    assert NUMBER not in str(mark)
    assert repr(CIPHER) == "EpochCipher(2026-11)"


def test_a_secret_has_32_bytes() -> None:
    with pytest.raises(SetupError, match="32 bytes"):
        EpochCipher("2026-11", b"short")


def test_an_epoch_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "epochs.json"
    ensure_epoch(path, KEK, "2026-11")
    index = load_epoch(path, KEK, "2026-11").index_of("cn-id", NUMBER)
    ensure_epoch(path, KEK, "2026-12")
    ensure_epoch(path, KEK, "2026-11")
    assert load_epoch(path, KEK, "2026-11").index_of("cn-id", NUMBER) == index
    assert load_epoch(path, KEK, "2026-12").index_of("cn-id", NUMBER) != index
    assert path.stat().st_mode & 0o777 == 0o600


def _ensure_and_index(path: Path) -> str:
    ensure_epoch(path, KEK, "2026-11")
    return load_epoch(path, KEK, "2026-11").index_of("cn-id", NUMBER)


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        indices = pool.map(_ensure_and_index, [tmp_path / "epochs.json"] * 8)
    assert len(set(indices)) == 1


def test_the_secret_rests_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "epochs.json"
    ensure_epoch(path, KEK, "2026-11")
    with pytest.raises(SetupError, match=r"epochs.json: epoch 2026-11 does not open.*Remedy"):
        load_epoch(path, bytes(32), "2026-11")
    with pytest.raises(SetupError, match="does not open"):
        ensure_epoch(path, bytes(32), "2026-11")


def test_an_epoch_does_not_open_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "epochs.json"
    ensure_epoch(path, KEK, "2026-11")
    wrapped = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    path.write_bytes(msgspec.json.encode({"2026-12": wrapped["2026-11"]}))
    with pytest.raises(SetupError, match="does not open"):
        load_epoch(path, KEK, "2026-12")


def test_an_erased_epoch_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "epochs.json"
    ensure_epoch(path, KEK, "2026-11")
    path.write_bytes(b"{}")
    with pytest.raises(SetupError, match="has no epoch 2026-11"):
        load_epoch(path, KEK, "2026-11")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"2026-11": 1}', b'{"2026-11": "%%"}'])
def test_a_damaged_file_is_named_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "epochs.json"
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"epochs\.json.*Remedy: restore"):
        load_epoch(path, KEK, "2026-11")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"epochs\.json"):
        load_epoch(tmp_path / "epochs.json", KEK, "2026-11")
    with pytest.raises(SetupError, match="cannot be written"):
        ensure_epoch(tmp_path / "no" / "epochs.json", KEK, "2026-11")


def test_a_draft_left_by_a_crash_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "epochs.json"
    (tmp_path / "epochs.json.new").write_bytes(b"half a fi")
    ensure_epoch(path, KEK, "2026-11")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["epochs.json", "epochs.json.lock"]


def test_the_wrapping_key_has_32_bytes(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="32 bytes"):
        ensure_epoch(tmp_path / "epochs.json", b"short", "2026-11")


@given(
    st.binary(min_size=32, max_size=32), st.binary(min_size=1, max_size=80), st.text(max_size=40)
)
def test_a_request_is_revealed_as_it_was_marked(
    digest: bytes, signature: bytes, entry: str
) -> None:
    mark = CIPHER.mark_request(digest, signature, "()", entry)
    assert CIPHER.reveal_request(mark, entry) == (digest, signature)


def test_a_request_mark_lets_nobody_try_bodies() -> None:
    first, second = (CIPHER.mark_request(b"d" * 32, b"s" * 64, "()", "e1") for _ in range(2))
    assert first.ct != second.ct


def test_a_request_mark_opens_for_its_own_entry_only() -> None:
    mark = CIPHER.mark_request(b"d" * 32, b"s" * 64, "()", "e1")
    assert CIPHER.request_key("e1") != CIPHER.request_key("e2")
    with pytest.raises(TrustError):
        CIPHER.reveal_request(mark, "e2")
