# SPDX-License-Identifier: Apache-2.0
"""Acts in a log: each is signed by the one in whose name it stands, or is named."""

import msgspec
import pytest

from gateway.audit.desk import sign_act
from gateway.audit.verify_acts import ActSignatures
from gateway.crypto.digest import b64url_encode
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.errors import TrustError
from gateway.model.act import Act, SignedTarget
from gateway.model.agency import AgencyKey
from gateway.model.auditor import Auditor

PRIVATE = generate_private_key("ed25519")
SIGNER = load_signer(PRIVATE, "zhao-1")
KEY = AgencyKey("zhao-1", "ed25519", public_pem(PRIVATE))
AUDITOR = Auditor("zhao", "审计员甲", ("read",), keys=(KEY,))
ACT = Act(
    id="a" * 32,
    salt="s",
    time="2026-11-22T08:00:00.000Z",
    action="view",
    actor="zhao",
    keyid="zhao-1",
    reason="季度检查",
)
MEMBER = '("@method" "@authority" "@path" "@query");created=1;keyid="zhao-1";tag="yizheng-v1"'


def over_http() -> Act:
    """As `gateway.audit.acts` records it."""
    base = (
        '"@method": GET\n"@authority": gateway.example\n"@path": /log/tile/entries/000\n'
        f'"@query": ?\n"@signature-params": {MEMBER}'
    )
    signature = b64url_encode(SIGNER.sign(base.encode()))
    request = SignedTarget("gateway.example", "GET /log/tile/entries/000", MEMBER)
    return msgspec.structs.replace(
        ACT,
        action="entries",
        reason=None,
        subject="tile/entries/000",
        request=request,
        signature=signature,
    )


def test_an_act_at_the_command_line_is_verified() -> None:
    acts = ActSignatures([AUDITOR], [])
    acts.check(7, sign_act(ACT, SIGNER))
    assert acts.count == 1


def test_a_changed_act_is_named() -> None:
    changed = msgspec.structs.replace(sign_act(ACT, SIGNER), reason="别的理由")
    with pytest.raises(TrustError, match="entry 7: the act is not signed by `zhao`"):
        ActSignatures([AUDITOR], []).check(7, changed)


def test_an_act_of_nobody_is_named() -> None:
    with pytest.raises(TrustError, match="entry 7: no key `zhao-1` of `zhao`"):
        ActSignatures([], []).check(7, sign_act(ACT, SIGNER))


def test_an_act_over_http_is_verified() -> None:
    acts = ActSignatures([AUDITOR], [])
    acts.check(0, over_http())
    assert acts.count == 1


def test_an_act_over_http_that_was_asked_for_elsewhere_is_named() -> None:
    act = over_http()
    assert act.request is not None
    request = msgspec.structs.replace(act.request, authority="other.example")
    with pytest.raises(TrustError, match="entry 0: the act is not signed by `zhao`"):
        ActSignatures([AUDITOR], []).check(0, msgspec.structs.replace(act, request=request))
