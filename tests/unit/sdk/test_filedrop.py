# SPDX-License-Identifier: Apache-2.0
"""A department's nightly file: taken whole or refused whole, and never served too old."""

import os
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.crypto.digest import sha256_of
from gateway.errors import AdapterTimeout, AdapterUnavailable, Text
from gateway.model.answer import Found, NotFound
from gateway.model.certificate import CertificateType, Field
from gateway.sdk import Deadline
from gateway.sdk.kits.convert import Origin
from gateway.sdk.kits.filedrop import load as loader
from gateway.sdk.kits.filedrop.deliver import deliver
from gateway.sdk.kits.filedrop.layout import CHINA, Layout, Span, checksum_file, deliveries
from gateway.sdk.kits.filedrop.load import Job, Meaning, Report, held_by, load
from gateway.sdk.kits.filedrop.source import FileDropSource

TITLE = Text("Field", "字段")
CERTIFICATE = CertificateType(
    *("desk.card", TITLE, ("cn-id",)),
    (
        *(Field(name, TITLE) for name in ("number", "name", "card_no")),
        Field("valid_to", TITLE, "date"),
    ),
    holder_field="number",
)
ORIGINS = {
    "number": Origin(source="ZJHM", upper=True),
    "name": Origin(source="XM"),
    "card_no": Origin(source="ZH"),
    "valid_to": Origin(source="YXQ", form="YYYYMMDD"),
}
FIRST, SECOND = "140302190001010017", "14031119010203003X"
ROWS = f"ZJHM,XM,ZH,YXQ\n{FIRST},测试甲,A-1,20310630\n{SECOND.lower()},测试㐀,A-2,\n"
NOW = datetime.now(CHINA)


def meaning(keys: tuple[str, ...] = (), **layout: Any) -> Meaning:
    certificate = CertificateType(
        CERTIFICATE.name, TITLE, ("cn-id",), CERTIFICATE.fields, holder_field="number",
        key_fields=keys,
    )  # fmt: skip
    settings = {"name": "cards-{date}.csv"} | layout
    return Meaning(Layout(**settings), certificate, ORIGINS, "number")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    return path


def put(
    folder: Path, content: str | bytes = ROWS, *, days: int = 0, encoding: str = "utf-8"
) -> Path:
    file = folder / f"cards-{NOW - timedelta(days=days):%Y%m%d}.csv"
    deliver(file, content.encode(encoding) if isinstance(content, str) else content)
    return file


def report(folder: Path, what: Meaning | None = None) -> Report:
    what = what or meaning()
    [newest, *_] = deliveries(folder, what.layout)
    index = str(folder.parent / "index")
    return load(Job(str(newest.path), newest.as_of, index, what))


@asynccontextmanager
async def source(
    folder: Path, what: Meaning | None = None, *, poll_s: float = 60
) -> AsyncIterator[FileDropSource]:
    opened = FileDropSource(
        "desk", folder, folder.parent / "state", what or meaning(), poll_s=poll_s
    )
    await opened.open()
    try:
        yield opened
    finally:
        await opened.aclose()


async def ask(asked: FileDropSource, *key: str) -> Found | NotFound:
    return await asked.lookup(*(key or (FIRST,)), deadline=Deadline.after(30))


async def test_a_row_is_found_with_the_day_for_which_the_file_vouches(folder: Path) -> None:
    put(folder, days=1)
    midnight = datetime.combine((NOW - timedelta(days=1)).date(), datetime.min.time(), CHINA)
    async with source(folder) as asked:
        answer = await ask(asked)
        assert isinstance(answer, Found)
        assert answer.fields == {
            "number": FIRST, "name": "测试甲", "card_no": "A-1", "valid_to": "2031-06-30",
        }  # fmt: skip
        assert answer.as_of == midnight.astimezone(UTC)
        assert await ask(asked, "140303190001020027") == NotFound(midnight.astimezone(UTC))
        await asked.ping()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_both_encodings_and_a_byte_order_mark_are_read(folder: Path, encoding: str) -> None:
    put(folder, encoding=encoding)
    declared = "gb18030" if encoding == "gb18030" else "utf-8"
    async with source(folder, meaning(encoding=declared)) as asked:
        answer = await ask(asked, SECOND)
    assert isinstance(answer, Found)
    assert answer.fields["name"] == "测试㐀"  # four bytes in GB 18030
    assert answer.fields["valid_to"] is None


def test_a_fixed_layout_counts_bytes(folder: Path) -> None:
    layout: dict[str, Any] = {
        "format": "fixed",
        "encoding": "gb18030",
        "spans": {"ZJHM": Span(1, 18), "XM": Span(19, 10), "ZH": Span(29, 3), "YXQ": Span(32, 8)},
    }
    row = f"{FIRST}测试甲    A-120310630\r\n".encode("gb18030")
    put(folder, row)
    assert report(folder, meaning(**layout)) == Report(rows=1)
    put(folder, row[:-5] + b"\r\n")
    assert report(folder, meaning(**layout)).refused == "row 1: 36 bytes, and the layout has 39"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ROWS.replace("20310630", "2031-06-30"),
         "row 2, column YXQ: field valid_to is not written as the date that was declared"),
        (ROWS.replace("A-1,20310630", "A-1"), "row 2: 3 columns, and the heading has 4"),
        (ROWS.replace(",XM,", ",NAME,"), "row 1, column XM: the heading does not have it"),
        (ROWS.replace(",XM,", ",ZH,"), "row 1: the heading is empty or names a column twice"),
        (ROWS.replace(FIRST, ""), "row 2, column ZJHM: a key is empty"),
        (ROWS + f"{FIRST},测试丙,A-3,\n", "row 4, column ZJHM: repeats the key of an earlier row"),
        (ROWS.replace("测试甲", '"测试甲'), "row 3: not CSV: a quote is open or misplaced"),
        (ROWS.encode("gb18030"), "row 2: not utf-8 text"),
        ("", "row 1: the heading is empty or names a column twice"),
    ],
)  # fmt: skip
def test_one_mistake_refuses_the_delivery_by_row_and_column(
    folder: Path, content: str | bytes, reason: str
) -> None:
    put(folder, content)
    refused = report(folder).refused
    assert refused is not None
    assert refused == reason
    for value in (FIRST, "测试", "2031-06-30", "A-1"):
        assert value not in refused
    assert held_by(folder.parent / "index") is None


def test_what_was_changed_after_the_checksum_is_refused(folder: Path) -> None:
    file = put(folder)
    file.write_text(ROWS.replace("A-1", "A-9"))
    assert report(folder).refused == "the checksum is another: the file was changed or cut short"
    checksum_file(file).write_text("none\n")
    assert report(folder).refused == "the checksum file is not `<sha256>  <name>`"


def test_what_is_read_is_what_was_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(folder)

    def changed_meanwhile(chunks: Iterable[bytes]) -> bytes:
        digest = sha256_of(chunks)
        file.write_text(ROWS.replace("A-1", "A-9"))  # in place: an open file sees it
        return digest

    monkeypatch.setattr(loader, "sha256_of", changed_meanwhile)
    assert report(folder).rows == 2
    with closing(sqlite3.connect(folder.parent / "index")) as index:
        fields = [row[0] for row in index.execute("SELECT fields FROM record")]
    assert any(b"A-1" in found for found in fields)
    assert not any(b"A-9" in found for found in fields)
    assert {path.name for path in folder.parent.iterdir()} == {"in", "index", "index.lock"}


def test_a_number_in_small_letters_would_never_be_found(folder: Path) -> None:
    put(folder)
    origins = {**ORIGINS, "number": Origin(source="ZJHM")}
    as_written = msgspec.structs.replace(meaning(), origins=origins)
    assert report(folder, as_written).refused == (
        "row 3, column ZJHM: a holder's number in small letters; declare it with `upper = true`"
    )


async def test_a_day_that_is_still_to_come_is_not_taken(folder: Path) -> None:
    put(folder, ROWS.replace("A-1", "A-9"), days=-400)
    put(folder, days=1)
    async with source(folder) as asked:
        answer = await ask(asked)
        assert isinstance(answer, Found)
        assert answer.fields["card_no"] == "A-1"
        put(folder, ROWS.replace("A-1", "A-2"))
        await asked.refresh()
        after = await ask(asked)
        assert isinstance(after, Found)
        assert after.fields["card_no"] == "A-2"


async def test_what_is_corrected_under_the_same_name_is_taken_anew(folder: Path) -> None:
    put(folder)
    async with source(folder) as asked:
        assert isinstance(await ask(asked), Found)
        put(folder, ROWS.replace("A-1", "A-7"))
        await asked.refresh()
        after = await ask(asked)
    assert isinstance(after, Found)
    assert after.fields["card_no"] == "A-7"


async def test_the_loader_takes_no_module_from_where_the_gateway_was_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "gateway").mkdir()
    (folder / "gateway/__init__.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(folder)
    put(folder)
    async with source(folder) as asked:
        assert isinstance(await ask(asked), Found)


def test_what_is_no_file_is_no_delivery(folder: Path) -> None:
    file = put(folder)
    file.unlink()
    os.mkfifo(file)
    assert deliveries(folder, meaning().layout) == []


def test_a_file_without_its_checksum_is_still_on_its_way(folder: Path) -> None:
    put(folder, days=2)
    checksum_file(put(folder, days=0)).unlink()
    (folder / "cards-20269999.csv").write_text("")
    (folder / "cards-20269999.csv.sha256").write_text("")
    (folder / "notes.txt").write_text("")
    [only] = deliveries(folder, meaning().layout)
    assert only.path.name == f"cards-{NOW - timedelta(days=2):%Y%m%d}.csv"


async def test_the_last_good_one_stays_when_a_bad_one_comes(folder: Path) -> None:
    put(folder, days=1)
    async with source(folder) as asked:
        before = await ask(asked)
        put(folder, ROWS.replace("20310630", "soon"))
        await asked.refresh()
        assert await ask(asked) == before
        await asked.ping()
        put(folder, ROWS.replace("A-1", "A-7"))  # mended, under the same name
        await asked.refresh()
        after = await ask(asked)
    assert isinstance(after, Found)
    assert after.fields["card_no"] == "A-7"


async def test_a_bad_one_is_loaded_once_and_an_older_good_one_serves(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, days=1)
    put(folder, b"\xff")
    loaded: list[str] = []
    load_one = FileDropSource._load

    async def counted(self: FileDropSource, delivery: Any) -> Report:
        loaded.append(delivery.path.name)
        return await load_one(self, delivery)

    monkeypatch.setattr(FileDropSource, "_load", counted)
    async with source(folder) as asked:
        assert isinstance(await ask(asked), Found)
        await asked.refresh()
        await asked.refresh()
    assert loaded == [
        f"cards-{NOW:%Y%m%d}.csv",
        f"cards-{NOW - timedelta(days=1):%Y%m%d}.csv",
    ]


async def test_a_new_delivery_takes_the_place_of_the_old_one_by_itself(folder: Path) -> None:
    put(folder, days=1)
    async with source(folder, poll_s=0.05) as asked:
        assert isinstance(await ask(asked), Found)
        put(folder, ROWS.replace(FIRST, "140303190001020027"))
        while isinstance(await ask(asked), Found):
            pass  # each turn reads the index again
        assert isinstance(await ask(asked, "140303190001020027"), Found)


async def test_what_is_too_old_answers_nothing(folder: Path) -> None:
    put(folder, days=3)
    async with source(folder) as asked:
        for call in (ask(asked), ask(asked, "140303190001020027"), asked.ping()):
            with pytest.raises(AdapterUnavailable) as caught:
                await call
            assert caught.value.cause == "the last good delivery is too old"
    async with source(folder, meaning(max_age_s=5 * 86400)) as asked:
        assert isinstance(await ask(asked), Found)


async def test_what_is_dated_far_ahead_is_refused_and_hides_nothing(folder: Path) -> None:
    put(folder, days=0)
    put(folder, ROWS.replace("A-1", "A-9"), days=-3)
    async with source(folder) as asked:
        answer = await ask(asked)
    assert isinstance(answer, Found)
    assert answer.fields["card_no"] == "A-1"


async def test_without_a_delivery_nothing_is_known(folder: Path) -> None:
    async with source(folder) as asked:
        for call in (ask(asked), asked.ping()):
            with pytest.raises(AdapterUnavailable):
                await call


async def test_a_folder_that_is_away_fails_lookups_and_not_open(tmp_path: Path) -> None:
    async with source(tmp_path / "mounted-later") as asked:
        with pytest.raises(AdapterUnavailable):
            await ask(asked)


async def test_the_first_lookups_wait_for_the_first_look_within_their_deadline(
    folder: Path,
) -> None:
    put(folder)
    async with source(folder) as asked:
        with pytest.raises(AdapterTimeout):
            await asked.lookup(FIRST, deadline=Deadline.after(0))
        assert isinstance(await ask(asked), Found)


async def test_second_keys_are_part_of_the_question(folder: Path) -> None:
    put(folder, ROWS + f"{FIRST},测试丙,A-3,\n")
    async with source(folder, meaning(("card_no",))) as asked:
        answer = await ask(asked, FIRST, "A-3")
        assert isinstance(answer, Found)
        assert answer.fields["name"] == "测试丙"
        assert isinstance(await ask(asked, FIRST, "A-2"), NotFound)


def test_an_index_of_another_declaration_is_built_anew(folder: Path) -> None:
    put(folder)
    assert report(folder).rows == 2
    index = folder.parent / "index"
    first = index.stat().st_ino
    assert report(folder).rows == 2
    assert index.stat().st_ino == first
    assert report(folder, meaning(("card_no",))).rows == 2
    assert index.stat().st_ino != first


async def test_an_index_of_another_declaration_does_not_answer(folder: Path) -> None:
    put(folder)
    async with source(folder) as asked:
        assert isinstance(await ask(asked), Found)
    checksum_file(folder / f"cards-{NOW:%Y%m%d}.csv").unlink()
    async with source(folder, meaning(("card_no",))) as asked:
        with pytest.raises(AdapterUnavailable, match="PROVIDER_UNAVAILABLE"):
            await ask(asked, FIRST, "A-1")


async def test_the_index_is_nobody_elses_to_read(folder: Path) -> None:
    put(folder)
    async with source(folder) as asked:
        await ask(asked)
    state = folder.parent / "state"
    assert mode(state / "desk.filedrop") == 0o600
    assert mode(state) == 0o700


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_many_rows_need_little_memory(folder: Path) -> None:
    import tracemalloc

    lines = ["ZJHM,XM,ZH,YXQ", *(f"{i:018d},测试,A-{i},20310630" for i in range(20_000))]
    put(folder, "\n".join(lines))
    tracemalloc.start()
    try:
        assert report(folder).rows == 20_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * 2**20  # the chunk of the checksum; the file itself has 900 kB


async def test_two_workers_build_one_index(folder: Path) -> None:
    put(folder)
    async with source(folder) as one, source(folder) as two:
        assert await ask(one) == await ask(two)
