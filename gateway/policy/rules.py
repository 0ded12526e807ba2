# SPDX-License-Identifier: Apache-2.0
"""The rules of the policy by name, in the order in which a request meets them.

A rule's name stands in the audit entry and is a contract like the codes: it may be added, never
renamed. The order is that of `gateway.errors.CHECKS`: the later the rule, the further the request
came.
"""

from typing import Final

from gateway.errors import REFUSALS
from gateway.model.grant import Deny

#: The code that each rule refuses with.
RULES: Final = {
    "certificate.known": "CERTIFICATE_UNKNOWN",
    "certificate.share_type": "NOT_SHARED",
    "certificate.holder_scheme": "CERTIFICATE_UNKNOWN",
    "item.published": "ITEM_UNKNOWN",
    "item.in_force": "ITEM_UNKNOWN",
    "item.certificate": "ITEM_LACKS_CERTIFICATE",
    "attribution.operator_placeholder": "OPERATOR_PLACEHOLDER",
    "attribution.operator": "OPERATOR_UNKNOWN",
    "attribution.purpose": "PURPOSE_PLACEHOLDER",
    "attribution.case": "CASE_MALFORMED",
    "case.known": "CASE_UNKNOWN",
    "case.open": "CASE_CLOSED",
    "case.item": "CASE_ITEM_MISMATCH",
    "case.registered": "CASE_UNREGISTERED",
    "case.holder": "CASE_HOLDER_MISMATCH",
    "mandate.named": "MANDATE_MISSING",
    "mandate.known": "MANDATE_UNKNOWN",
    "mandate.operator": "MANDATE_NOT_OF_OPERATOR",
    "mandate.scope": "MANDATE_OUT_OF_SCOPE",
    "mandate.principal": "MANDATE_OUT_OF_SCOPE",
    "mandate.validity": "MANDATE_EXPIRED",
    "grant.exists": "NOT_GRANTED",
    "grant.revoked": "GRANT_REVOKED",
    "grant.validity": "GRANT_EXPIRED",
    "grant.hours": "HOURS_NOT_GRANTED",
    "grant.item": "ITEM_NOT_GRANTED",
    "grant.division": "DIVISION_NOT_GRANTED",
    "grant.network": "NETWORK_DENIED",
    "grant.operation": "OPERATION_NOT_GRANTED",
    "fields.shape": "FIELD_UNKNOWN",
    "fields.known": "FIELD_UNKNOWN",
    "fields.key": "KEY_FIELD_MISSING",
    "grant.fields": "FIELD_NOT_GRANTED",
}

#: The rule of every permit: one grant covers all that was asked.
PERMITTED: Final = "grant.covers"


def deny(rule: str, detail: str) -> Deny:
    """Say no by a rule.

    Args:
        rule: a key of `RULES`.
        detail: what exactly, free of personal data and of the caller's own words.
    """
    return Deny(REFUSALS[RULES[rule]], rule, detail)
