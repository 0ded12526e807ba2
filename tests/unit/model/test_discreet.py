# SPDX-License-Identifier: Apache-2.0
"""What holds personal data does not show it."""

import pytest
from rich.pretty import pretty_repr

from gateway.crypto.sdjwt import Unsealed
from gateway.model.answer import Found, Sealed
from gateway.model.holder import Holder
from gateway.model.ids import IdCheck
from gateway.model.lookup import (
    Attribution,
    HolderReference,
    LookupAnswer,
    LookupRequest,
    OperatorReference,
)

NUMBER, NAME = "140302190001010017", "测试甲"
REFERENCE = HolderReference("cn-id", NUMBER, NAME)
ATTRIBUTION = Attribution("item", "case", "purpose", OperatorReference("yq-0417", "经办"))


@pytest.mark.parametrize(
    "value",
    [
        REFERENCE,
        Holder("cn-id", NUMBER, NAME),
        IdCheck(NUMBER),
        LookupRequest(REFERENCE, "a.b", ATTRIBUTION, claims={"name": NAME}),
        LookupAnswer("id", "found", "a.b", "", "source", "g@1", fields={"name": NAME}),
        Found({"name": NAME, "id_number": NUMBER}),
        Sealed("jwt", '["salt","name","测试甲"]'.encode(), ("name",), ""),
        Unsealed("iss", "a.b", "kid", "jti", 0, "", {"name": NAME}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_representation_shows_a_person(value: object) -> None:
    for text in (repr(value), str(value), f"{[value]}", pretty_repr(value)):
        assert NUMBER not in text
        assert NAME not in text
