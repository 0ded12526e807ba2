# SPDX-License-Identifier: Apache-2.0
"""The caller's side: sign a request, send it, and believe only an answer that is bound to it.

::

    async with GatewayClient(url, signer=signer, gateway_key=pem) as gateway:
        answer = await gateway.lookup(request)

`connection` signs and verifies; `calls`, `orders` and `supervision` have a method for each path
that is signed.
"""

from gateway.client.calls import GatewayClient, SignedAnswer, SignedMaterials
from gateway.client.connection import Receipt, Refused, Signed, SignedConnection, make_tls
from gateway.client.orders import SignedDeferral, SignedTicket
from gateway.model.receipt import Receipt as RecordProof

__all__ = [
    "GatewayClient",
    "Receipt",
    "RecordProof",
    "Refused",
    "Signed",
    "SignedAnswer",
    "SignedConnection",
    "SignedDeferral",
    "SignedMaterials",
    "SignedTicket",
    "make_tls",
]
