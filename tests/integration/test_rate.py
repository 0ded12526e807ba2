# SPDX-License-Identifier: Apache-2.0
"""A running gateway with rate limits tells what is left, refuses what is over, and records it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fixtures.world import World
from tests.integration.wire import log_entries, lookup_body, send, sign, verify_signed

#: So slow that no test machine sees a request given back: one in a thousand seconds.
SETTINGS = """
[limits]
agency_per_s = 0.001
agency_burst = 3
department_per_s = 0.001
department_burst = 1
"""


@pytest.fixture(scope="module")
def limited(short_folder: Path) -> Iterator[World]:
    folder = short_folder / "rate"
    folder.mkdir()
    own = World(folder, workers=1, settings=SETTINGS)
    config = own.site / "gateway.toml"
    text = config.read_text()
    assert "\nworkers = 1\n" in text
    # The limits are shared by the workers that there are: one, as the command line says.
    config.write_text(text.replace("\nworkers = 1\n", "\nworkers = 4\n"))
    with own as running:
        yield running


def test_both_limits_are_told_enforced_and_recorded(limited: World) -> None:
    number = limited.citizen_with_account().id_number
    drafts = [sign(limited, msgspec.json.encode(lookup_body(limited, number))) for _ in range(4)]
    answers = [send(limited, draft) for draft in drafts]
    assert [answer.status for answer in answers] == [200, 429, 429, 429]
    for draft, answer in zip(drafts, answers, strict=True):
        verify_signed(limited, draft, answer)
    first, second, _, fourth = answers
    assert first.fields["ratelimit-policy"] == '"agency";q=3;w=3000, "department";q=1;w=1000'
    assert first.fields["ratelimit"] == '"agency";r=2;t=1000, "department";r=0;t=1000'
    assert "over the department limit" in second.document["detail"]
    left, _, reset_s = fourth.fields["ratelimit"].partition(";t=")
    assert left == '"agency";r=0'
    assert 2990 <= int(reset_s) <= 3000  # some of it has gone by
    assert "over the agency limit" in fourth.document["detail"]
    for answer in answers[1:]:
        assert answer.document["code"] == "RATE_LIMITED"
        assert 990 <= int(answer.fields["retry-after"]) <= 1000
    codes = [entry.code for entry in log_entries(limited)]
    assert codes == [None, "RATE_LIMITED", "RATE_LIMITED", "RATE_LIMITED"]


def test_without_limits_no_field_tells_of_any(world: World) -> None:
    number = world.citizen_with_account().id_number
    answer = send(world, sign(world, msgspec.json.encode(lookup_body(world, number))))
    assert not {"ratelimit", "ratelimit-policy", "retry-after"} & answer.fields.keys()
