# SPDX-License-Identifier: Apache-2.0
"""A subject holds together, and moves to wherever its department is."""

from typing import Any

import pytest

from gateway.conformance import Department, Sample, Subject
from gateway.errors import SetupError
from tests.unit.registry.desk import NOTE, NUMBER, OTHER, Desk

HERE = "127.0.0.1:9101"


def subject(**changes: Any) -> Subject:
    given: dict[str, Any] = {
        "adapter": Desk,
        "settings": {"url": f"http://{HERE}/base", "peers": [{"url": HERE}], "tries": 3},
        "secrets": {"env:DSN": f"postgresql://reader:hush@{HERE}/fund"},
        "found": (Sample(NUMBER, fields={"id_number": NUMBER}),),
        "not_found": (Sample(OTHER),),
        "department": Department("http", HERE),
    }
    return Subject(**(given | changes))


def test_it_moves_with_all_its_settings_and_secrets() -> None:
    moved = subject().at("127.0.0.1:1")
    assert moved.settings == {
        "url": "http://127.0.0.1:1/base", "peers": [{"url": "127.0.0.1:1"}], "tries": 3,
    }  # fmt: skip
    assert moved.secrets == {"env:DSN": "postgresql://reader:hush@127.0.0.1:1/fund"}
    assert moved.department.address == "127.0.0.1:1"


def test_what_is_kept_of_a_delivery_moves_apart_from_it() -> None:
    drop = subject(
        settings={"folder": "/w/drop", "state": "/w/state"},
        department=Department("file", "/w/drop", "/w/state"),
    )
    assert drop.at("/x/copy", "/x/empty").settings == {"folder": "/x/copy", "state": "/x/empty"}
    assert drop.at("/x/copy").settings == {"folder": "/x/copy", "state": "/w/state"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"found": ()}, "a holder with a record and one without"),
        ({"not_found": ()}, "a holder with a record and one without"),
        ({"found": (Sample(NUMBER),)}, "needs fields, and one who is not has none"),
        ({"not_found": (Sample(OTHER, fields={"a": 1}),)}, "has none"),
        ({"department": Department("http", "db.example:1")}, "in no setting and no secret"),
        ({"exempt": {"YZ-A01": "  "}}, "YZ-A01 has no reason"),
    ],
)
def test_a_subject_of_which_no_check_could_be_made_is_refused(
    changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(SetupError, match=told) as caught:
        subject(**changes)
    assert caught.value.remedy


def test_a_sample_names_its_certificate_unless_there_is_one() -> None:
    assert subject().certificate_of(Sample(NUMBER)) is NOTE
    assert subject().certificate_of(Sample(NUMBER, certificate="desk.note")) is NOTE
    with pytest.raises(SetupError, match="does not name one certificate"):
        subject().certificate_of(Sample(NUMBER, certificate="desk.other"))


def test_a_secret_is_resolved_by_its_reference_and_shown_by_no_repr() -> None:
    secret = subject().secret_source()
    assert secret("env:DSN").startswith("postgresql://")
    with pytest.raises(SetupError):
        secret("env:OTHER")
    assert NUMBER not in repr(Sample(NUMBER, name="测试甲"))
