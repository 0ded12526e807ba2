# SPDX-License-Identifier: Apache-2.0
"""What kept an identified request from its answer becomes a refusal, which is then recorded.

Whoever is identified leaves a record, also where the mistake is ours (docs/adr/0003).
"""

from collections.abc import Callable

from gateway.errors import REFUSALS, AuditError, RequestError, StoreError, TrustError
from gateway.exchange.reply import Refused

#: Told of a programming error; must not raise.
OnFault = Callable[[BaseException], None]


def excuse(error: Exception, on_fault: OnFault) -> Refused:
    """The refusal for an error; of one that nobody foresaw INTERNAL, and not a word that it said.

    Raises:
        AuditError: that is the error. Where nothing can be recorded, nothing else is answered.
    """
    match error:
        case AuditError():
            raise error
        case RequestError() | StoreError() | TrustError():
            return Refused.because(error)
        case _:
            on_fault(error)
            return Refused(REFUSALS["INTERNAL"], "")
