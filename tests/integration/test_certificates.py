# SPDX-License-Identifier: Apache-2.0
"""`GET /v1/certificates`: signed, recorded as an act, and of the caller's own grants only."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from fixtures.world import AGENCY, World
from gateway.audit.desk import verify_act
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.config import load_site
from gateway.errors import TrustError
from gateway.keyring import log_verifier
from gateway.model.agency_file import parse_agency
from gateway.model.offer import Offered
from tests.integration.log_reading import (
    agency,
    another,
    get,
    plain,
    reading_world,
    recorded_in,
    records,
)
from tests.integration.wire import send, verify_signed

PATH = "/v1/certificates"


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    """A world whose log this module writes to."""
    with reading_world(short_folder / "certs") as world:
        yield world


def test_an_agency_is_told_all_types_and_its_own_grants(own: World) -> None:
    draft = get(own, PATH, agency(own))
    answer = send(own, draft)
    verify_signed(own, draft, answer)
    offered = msgspec.json.decode(answer.body, type=Offered)
    assert offered.agency == AGENCY
    by_name = {each.name: each for each in offered.certificates}
    assert {"public_security.identity", "housing_fund.account"} <= by_name.keys()
    (grant,) = by_name["public_security.identity"].grants
    assert (grant.grant, grant.items, grant.daily_cap) == ("yq-gjj@3", ("yq-gjj-001",), 100_000)
    assert not by_name["public_security.household"].grants
    theirs = send(own, get(own, PATH, another(own, "yq-other")))
    assert (theirs.status, b'"grant":' in theirs.body) == (200, False)


def test_asking_is_on_record_as_an_act_that_the_agency_signed(own: World) -> None:
    act = recorded_in(own, send(own, get(own, PATH, agency(own))))
    assert (act.action, act.actor, act.subject, act.holder) == ("certificates", AGENCY, "", None)
    assert act.request is not None
    assert (act.request.target, act.outcome) == (f"GET {PATH}", "done")
    key = parse_agency((own.site / f"agencies/{AGENCY}.toml").read_text()).keys[0]
    verify_act(act, key)
    with pytest.raises(TrustError, match="does not verify"):
        verify_act(msgspec.structs.replace(act, subject="/other"), key)
    with closing(LogReader.open(own.site / "var/audit")) as reader:
        verify_log(reader, log_verifier(load_site(own.site)))


def test_a_request_that_comes_again_is_refused_and_recorded(own: World) -> None:
    draft = get(own, PATH, agency(own))
    assert send(own, draft).status == 200
    again = send(own, draft)
    assert (again.status, again.document["code"]) == (401, "NONCE_REPLAYED")
    assert recorded_in(own, again).code == "NONCE_REPLAYED"


def test_nobody_is_told_anything_without_a_signature_of_the_target_alone(own: World) -> None:
    before = len(records(own))
    assert plain(own, PATH).status == 401
    covered = ("@method", "@authority", "@path", "@query", "date")
    loose = send(own, get(own, PATH, agency(own), covered=covered))
    assert (loose.status, loose.document["code"]) == (400, "SIGNATURE_MALFORMED")
    query = send(own, get(own, f"{PATH}?agency=yq-other", agency(own)))
    assert (query.status, query.document["code"]) == (404, "PATH_UNKNOWN")
    assert plain(own, PATH, method="POST").status == 405
    assert len(records(own)) == before


def test_it_counts_against_the_agencys_rate_limit(own: World) -> None:
    answers = [send(own, get(own, PATH, another(own, "yq-often"))) for _ in "12345"]
    answer = next(one for one in answers if one.status == 429)
    assert answer.document["code"] == recorded_in(own, answer).code == "RATE_LIMITED"
