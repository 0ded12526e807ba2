# SPDX-License-Identifier: Apache-2.0
"""The client has a method for every signed path of the interface's document, and for no other."""

import inspect

import pytest

from gateway.client import GatewayClient
from gateway.model.supervised import SEGMENTS
from gateway.web.openapi import document

#: Nobody signs these: any HTTP client reads them.
PUBLIC = frozenset({"items", "item", "list"})
#: Operations of the document by the method that makes them.
CALLS = {
    "lookup": {"lookup"},
    "materials": {"materials"},
    "register_case": {"case_register"},
    "case": {"case_show"},
    "close_case": {"case_close"},
    "defer": {"deferral_open"},
    "deferral": {"deferral_show"},
    "deferrals": {"deferrals"},
    "close_deferral": {"deferral_close"},
    "open_ticket": {"ticket_open"},
    "ticket": {"ticket_show"},
    "commit": {"commitment_keep"},
    "commitment": {"commitment_show"},
    "certificates": {"certificates"},
    "events": {"events"},
    "record": {"receipt"},
    "invalidate": {"invalidate"},
    "open_matter": {f"{segment}_open" for segment in SEGMENTS} - {"tickets_open"},
    "matters": {f"{segment}_list" for segment in SEGMENTS},
    "matter": {f"{segment}_show" for segment in SEGMENTS},
    "step": {f"{segment}_step" for segment in SEGMENTS},
    "findings": {"findings_list"},
    "finding": {"findings_show"},
    "settle_finding": {"findings_step"},
    "incidents": {"incidents_list"},
    "incident": {"incidents_show"},
    "open_incident": {"incidents_open"},
    "take_incident_step": {"incidents_step"},
    "alarms": {"alarms_list"},
    "evaluate": {"evaluate"},
    "evaluations": {"evaluations"},
    "monthly_report": {"kpi"},
}
PLUMBING = {"aclose", "get", "send"}


def test_every_signed_operation_has_a_method() -> None:
    operations = {
        operation["operationId"]
        for path, methods in document()["paths"].items()
        if path.startswith("/v1/")
        for operation in methods.values()
    }
    assert set().union(*CALLS.values()) == operations - PUBLIC


def test_every_method_makes_an_operation() -> None:
    methods = {
        name
        for name, _ in inspect.getmembers(GatewayClient, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert methods == CALLS.keys() | PLUMBING


@pytest.mark.parametrize("name", CALLS)
def test_every_method_says_what_it_is_for(name: str) -> None:
    assert inspect.getdoc(getattr(GatewayClient, name))
