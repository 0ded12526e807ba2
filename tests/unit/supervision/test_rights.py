# SPDX-License-Identifier: Apache-2.0
"""Who may do what about what is supervised, as a table; and whose it is."""

from typing import get_args

import pytest

from gateway.errors import RequestError
from gateway.model.matter import MatterKind
from gateway.model.standing import Standing
from gateway.supervision.rights import (
    Deed,
    Subject,
    check_deed,
    check_oversight,
    may,
    sees,
    sees_finding,
)
from tests.unit.supervision.seeing import finding, matter

AGENCY = Standing("agency", "yq-gjj")
OTHER = Standing("agency", "yq-mzj")
DEPARTMENT = Standing("department", "yq-ga", ("public_security",))
NEIGHBOUR = Standing("department", "yq-zfgjj", ("housing_fund",))
SUPERVISOR = Standing("auditor", "zhao")
READER = Standing("auditor", "qian", may_change=False)
KEEPER = Standing("auditor", "sun", may_read=False, may_change=False)
WHO = {
    "agency": AGENCY,
    "department": DEPARTMENT,
    "supervisor": SUPERVISOR,
    "reader": READER,
    "keeper": KEEPER,
}
DEEDS: tuple[Deed, ...] = (
    *("read", "open", "assign", "escalate", "reply", "call_back", "verify", "settle"),
    *("rung", "note", "close"),
)
KINDS: tuple[MatterKind, ...] = get_args(MatterKind)
SUBJECTS: tuple[Subject, ...] = (*KINDS, "finding", "incident", "alarm")

# One letter a deed, in the order of DEEDS; a point is a no.
TABLE = """
           complaint   rating      corrective  correction  finding     incident    alarm
agency     ro..rc..... r...r...... r...r...... ro....v.... r.......... r.......... ...........
department ........... ........... ........... r...r...... ........... r.......... r..........
supervisor r.aerc..... r.ae.c..... roae..v.... r.ae..v.... r......s... ro......unx r..........
reader     r.......... r.......... r.......... r.......... r.......... r.......... r..........
keeper     ........... ........... ........... ........... ........... ........... ...........
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [
    (who, subject, deed, letter != ".")
    for who, *cells in ROWS[1:]
    for subject, cell in zip(ROWS[0], cells, strict=True)
    for deed, letter in zip(DEEDS, cell, strict=True)
]


def test_the_table_is_whole() -> None:
    assert tuple(ROWS[0]) == SUBJECTS
    assert len(CELLS) == len(WHO) * len(SUBJECTS) * len(DEEDS)


@pytest.mark.parametrize(("who", "subject", "deed", "allowed"), CELLS)
def test_who_may_do_what(who: str, subject: Subject, deed: Deed, *, allowed: bool) -> None:
    assert may(WHO[who], subject, deed) is allowed
    if allowed:
        check_deed(WHO[who], subject, deed)
        return
    with pytest.raises(RequestError) as refused:
        check_deed(WHO[who], subject, deed)
    assert refused.value.code == "SUPERVISION_REFUSED"


@pytest.mark.parametrize(
    ("standing", "kinds"),
    [
        (AGENCY, KINDS),
        (OTHER, ()),
        (DEPARTMENT, ("correction",)),
        (NEIGHBOUR, ()),
        (SUPERVISOR, KINDS),
        (READER, KINDS),
        (KEEPER, ()),
    ],
)
def test_whose_a_matter_is(standing: Standing, kinds: tuple[MatterKind, ...]) -> None:
    seen = [
        kind for kind in KINDS if sees(standing, matter(kind=kind, department="public_security"))
    ]
    assert tuple(seen) == kinds


def test_a_finding_is_there_for_the_agency_that_it_is_about_and_for_auditors() -> None:
    everybody = (AGENCY, OTHER, DEPARTMENT, NEIGHBOUR, SUPERVISOR, READER, KEEPER)
    seen = [standing for standing in everybody if sees_finding(standing, finding())]
    assert seen == [AGENCY, SUPERVISOR, READER]


@pytest.mark.parametrize("standing", [AGENCY, DEPARTMENT, KEEPER])
def test_what_is_for_auditors_is_for_those_who_may_read(standing: Standing) -> None:
    check_oversight(SUPERVISOR)
    check_oversight(READER)
    with pytest.raises(RequestError) as refused:
        check_oversight(standing)
    assert refused.value.code == "SUPERVISION_REFUSED"
