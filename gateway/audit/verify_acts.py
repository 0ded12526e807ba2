# SPDX-License-Identifier: Apache-2.0
"""Whether the acts in a log were signed by those in whose names they stand.

Nobody is deleted from the site (`gateway.signer_folder`), so a key that is not known is a fault,
too. A department's signal and an agency's case are signed together with a number, so that they
verify only for who has the epoch's key; here the key must be known, and they are not counted.
"""

from collections.abc import Iterable
from typing import Final, final

from gateway.audit.acts import verify_signed_act
from gateway.audit.desk import verify_act
from gateway.errors import RequestError, TrustError
from gateway.model.act import SEALED_ACTIONS, Act
from gateway.model.agency import Agency
from gateway.model.auditor import Auditor
from gateway.model.department import Department


@final
class ActSignatures:
    """Examines acts, and counts those whose signature holds.

    Attributes:
        count: of them.
    """

    def __init__(
        self,
        auditors: Iterable[Auditor],
        agencies: Iterable[Agency],
        departments: Iterable[Department] = (),
    ) -> None:
        holders = [(auditor.id, auditor.keys) for auditor in auditors]
        holders += [(agency.id, agency.keys) for agency in agencies]
        holders += [(department.id, department.keys) for department in departments]
        self._keys: Final = {(name, key.id): key for name, keys in holders for key in keys}
        self.count = 0

    def check(self, index: int, act: Act) -> None:
        """Examine the act at that index.

        Raises:
            TrustError: PROOF_INVALID; it is not signed by the registered key that it names.
        """
        key = self._keys.get((act.actor, act.keyid))
        if key is None:
            raise _refused(index, f"no key `{act.keyid}` of `{act.actor}` is registered")
        if act.action in SEALED_ACTIONS:
            return  # its signature is sealed, as that of an access
        try:
            if act.request is None:
                verify_act(act, key)
            else:
                verify_signed_act(act, key)
        except (RequestError, TrustError):
            raise _refused(index, f"the act is not signed by `{act.actor}`") from None
        self.count += 1


def _refused(index: int, why: str) -> TrustError:
    return TrustError("PROOF_INVALID", f"entry {index}: {why}")
