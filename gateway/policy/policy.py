# SPDX-License-Identifier: Apache-2.0
"""Whether an identified caller may know: every rule from `certificate` to `fields` of `CHECKS`.

1. Deny by default: a permit needs one grant that covers everything that is asked.
2. Rules are met in the order of `gateway.policy.rules`; the first that fails is the answer.
3. Of each grant id only the newest version counts, whatever it still covers.
4. With several grants the first by id that covers everything wins; when none does, the answer is
   the refusal that came furthest, which is the one that is easiest to mend.
5. Every decision names its rule. No detail repeats the caller's words or the holder.
6. What a department does not share 不予共享 is refused before any grant is looked at: no grant, and
   nothing in a grant, can override it.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Final

from gateway.errors import SetupError
from gateway.model.agency import Agency
from gateway.model.asked import asked_fields
from gateway.model.certificate import CertificateType
from gateway.model.grant import Decision, Grant, newest_versions
from gateway.model.holder import Holder
from gateway.model.item import ServiceItem
from gateway.model.lookup import LookupRequest
from gateway.model.share import Share
from gateway.policy.attribution import refuse_attribution
from gateway.policy.fields import refuse_fields
from gateway.policy.rules import RULES, deny
from gateway.policy.terms import Terms
from gateway.ports import AccessPolicy

_DEPTH: Final = {rule: depth for depth, rule in enumerate(RULES)}


class GrantPolicy(AccessPolicy):
    """Grants of one site, indexed once.

    Args:
        grants: every version of every grant.
        shares: what departments say of their certificates.

    Raises:
        SetupError: a version is there twice, or a grant cannot be used as it is written.
    """

    def __init__(self, grants: Sequence[Grant], shares: Sequence[Share] = ()) -> None:
        _refuse_twice(grants)
        newest = newest_versions(grants)
        timed = {(grant.agency, grant.certificate) for grant in newest if grant.hours}
        self._terms: Final[dict[tuple[str, str], list[Terms]]] = {}
        for grant in newest:
            key = (grant.agency, grant.certificate)
            self._terms.setdefault(key, []).append(Terms(grant, is_timed=key in timed))
        #: Why each certificate that is not shared is not.
        self._withheld: Final = {
            share.certificate: share.reason for share in shares if share.type == "none"
        }
        # Operators by agency, kept with the very record that they were read from: a reloaded
        # agency is another record and is read anew.
        self._operators: Final[dict[str, tuple[Agency, AbstractSet[tuple[str, str]]]]] = {}

    @property
    def version(self) -> object:
        """This one; its grants do not change."""
        return self

    def decide(
        self,
        agency: Agency,
        request: LookupRequest,
        holder: Holder,
        item: ServiceItem | None,
        certificate: CertificateType | None,
        *,
        today: date,
        minute: int,
        address: str,
    ) -> Decision:
        """Decide everything from `certificate` to `fields` of `CHECKS`; deny by default.

        Args:
            agency: who signed.
            request: what is asked, screened for personal data.
            holder: about whom, number verified.
            item: the published item of the request's code.
            certificate: the type of the request's name.
            today: the day in the site's time zone.
            minute: of that day, 0 to 1439.
            address: the peer's IP address.
        """
        if certificate is None:
            return deny("certificate.known", "no department here answers this certificate type")
        if certificate.name in self._withheld:
            return deny(
                "certificate.share_type",
                f"{certificate.name} is not shared: {self._withheld[certificate.name]}",
            )
        if holder.scheme not in certificate.schemes:
            return deny(
                "certificate.holder_scheme",
                f"{certificate.name} is asked by {', '.join(certificate.schemes)}",
            )
        if item is None:
            return deny("item.published", "`attribution.item` is not the code of a published item")
        if not item.needs(certificate.name):
            return deny(
                "item.certificate", f"item {item.code} has no material from {certificate.name}"
            )
        return refuse_attribution(
            request.attribution, self._operators_of(agency), agency.id
        ) or self._decide_grant(
            agency, request, certificate, today=today, minute=minute, address=address
        )

    def _decide_grant(
        self,
        agency: Agency,
        request: LookupRequest,
        certificate: CertificateType,
        *,
        today: date,
        minute: int,
        address: str,
    ) -> Decision:
        candidates = self._terms.get((agency.id, certificate.name))
        if candidates is None:
            return deny("grant.exists", f"no grant of {certificate.name} to agency {agency.id}")
        refusals = [
            (terms, terms.refusing_rule(request, today=today, minute=minute, address=address))
            for terms in candidates
        ]
        open_terms = [terms for terms, rule in refusals if rule is None]
        if open_terms:
            return refuse_fields(request, certificate) or _cover(
                open_terms, asked_fields(request, certificate)
            )
        closed = [(terms, rule) for terms, rule in refusals if rule is not None]
        terms, rule = max(closed, key=lambda refusal: _DEPTH[refusal[1]])
        return deny(rule, terms.explain(rule))

    def _operators_of(self, agency: Agency) -> AbstractSet[tuple[str, str]]:
        known = self._operators.get(agency.id)
        if known is None or known[0] is not agency:
            operators = frozenset((operator.id, operator.name) for operator in agency.operators)
            known = self._operators[agency.id] = (agency, operators)
        return known[1]


def _cover(open_terms: Sequence[Terms], asked: Sequence[str]) -> Decision:
    for terms in open_terms:
        if terms.fields.issuperset(asked):
            return terms.permit
    return deny("grant.fields", open_terms[0].explain("grant.fields", asked))


def _refuse_twice(grants: Sequence[Grant]) -> None:
    """A version that is there twice would leave open which of the two counts."""
    seen = set[str]()
    for grant in grants:
        if grant.reference in seen:
            raise SetupError("this version is there twice", where=f"grant {grant.reference}")
        seen.add(grant.reference)
