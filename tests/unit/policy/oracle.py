# SPDX-License-Identifier: Apache-2.0
"""A second policy that was written differently: plain, slow, grant by grant.

It knows no index and no sets made ready: for each grant it lists every rule that the request
breaks, and takes the first of them. Of the product it uses the names of rules and their order, and
nothing that decides.
"""

from ipaddress import ip_address, ip_network

from gateway.model.grant import Grant
from gateway.policy.rules import RULES
from tests.unit.policy.scene import Scene

#: Fields of the scene's certificate.
KNOWN = ("name", "sex_code", "valid_to")


def before_grants(scene: Scene) -> list[str]:
    """Rules broken whatever the grants say."""
    certificate, item, who = scene.certificate, scene.item, scene.request.attribution.operator
    why, case = scene.request.attribution.purpose, scene.request.attribution.case
    withheld = [share.certificate for share in scene.shares if share.type == "none"]
    broken = {
        "certificate.known": certificate is None,
        "certificate.share_type": scene.request.certificate in withheld,
        "certificate.holder_scheme": certificate and scene.holder.scheme not in certificate.schemes,
        "item.published": item is None,
        "item.certificate": item
        and scene.request.certificate not in [m.certificate for m in item.materials],
        "attribution.operator_placeholder": who.id == "admin" or who.name == "系统",
        "attribution.operator": (who.id, who.name) != ("yq-0417", "测试经办"),
        "attribution.purpose": why in ("测试", "", "-"),
        "attribution.case": case in ("x", "办件0001"),
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


def under(grant: Grant, scene: Scene) -> list[str]:
    """Rules broken under this grant, in order; none is a permit."""
    request = scene.request
    used, stray = list(request.fields), list(request.claims)
    if request.operation == "verify":
        used, stray = stray, used
    networks = [ip_network(block) for block in grant.networks]
    clock = f"{scene.minute // 60:02}:{scene.minute % 60:02}"
    place = request.attribution.division
    broken = {
        "grant.revoked": grant.revoked is not None,
        "grant.validity": scene.today < grant.valid_from or scene.today > grant.valid_until,
        "grant.hours": grant.hours and not any(h[:5] <= clock < h[6:] for h in grant.hours),
        "grant.item": request.attribution.item not in grant.items,
        "grant.division": grant.divisions
        and not (place and any(lies_in(place, whole) for whole in grant.divisions)),
        "grant.network": networks and not any(ip_address(scene.address) in n for n in networks),
        "grant.operation": request.operation not in grant.operations,
        "fields.shape": stray or not used or len(used) != len(set(used)),
        "fields.known": any(name not in KNOWN for name in used),
        "grant.fields": any(name not in grant.fields for name in used),
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


def lies_in(place: str, whole: str) -> bool:
    """Whether a place lies in another: a province has 2 digits, a city 4, a county 6, a town 9."""
    digits = whole.ljust(12, "0")
    for count, zeros in ((2, 10), (4, 8), (6, 6), (9, 3)):
        if digits.endswith("0" * zeros):
            return place.ljust(12, "0").startswith(digits[:count])
    return place == digits


def oracle(scene: Scene) -> str | Grant:
    """The grant that permits, or the rule that refuses."""
    if broken := before_grants(scene):
        return broken[0]
    newest = [
        grant
        for grant in sorted(scene.grants, key=lambda grant: grant.id)
        if grant.version == max(g.version for g in scene.grants if g.id == grant.id)
        and (grant.agency, grant.certificate) == (scene.agency.id, scene.request.certificate)
    ]
    if not newest:
        return "grant.exists"
    for grant in newest:
        if not under(grant, scene):
            return grant
    first_broken = {under(grant, scene)[0] for grant in newest}
    return [rule for rule in RULES if rule in first_broken][-1]
