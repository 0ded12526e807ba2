# SPDX-License-Identifier: Apache-2.0
"""Which adapter answers a certificate for a division. Pure; no I/O.

1. The nearest counts: an adapter of the place that asks, else of the town, county, city, province
   around it, else one that names no division and so serves all.
2. What the nearest says is the answer, also *not found* and *unavailable*: a wider department is
   never asked in its place, since it may hold an older copy and would learn who was looked for.
3. Of two adapters for one certificate and one division, neither is the right one: refused at start.
4. A certificate is one promise, whoever keeps it: adapters that share its name declare it alike.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import SetupError
from gateway.model.certificate import CertificateType
from gateway.model.division import enclosing_divisions, format_division
from gateway.model.site import AdapterSite
from gateway.sdk import Adapter

#: Stands for every division in which no other adapter is nearer.
_EVERYWHERE: Final = ""


class Routes:
    """Certificates and divisions of one site, and who answers them.

    Attributes:
        certificates: all certificate types, by name.
    """

    def __init__(self) -> None:
        self.certificates: Final[dict[str, CertificateType]] = {}
        self._adapters: Final[dict[str, dict[str, str]]] = {}

    def add(self, site: AdapterSite, adapter: type[Adapter[Any]]) -> None:
        """Take what an adapter answers.

        Raises:
            SetupError: another adapter answers it already, or declares it otherwise.
        """
        where = f"adapters/{site.name}.toml"
        places = [format_division(code) for code in site.divisions] or [_EVERYWHERE]
        for certificate in adapter.certificates:
            known = self._adapters.setdefault(certificate.name, {})
            for place in places:
                if place in known:
                    raise SetupError(
                        f"answers {certificate.name}{_words(place)}, which "
                        f"adapters/{known[place]}.toml answers already",
                        where=where,
                        remedy="disable one of the two, or give them different `divisions`.",
                    )
                known[place] = site.name
            if self.certificates.setdefault(certificate.name, certificate) != certificate:
                others = sorted(set(known.values()) - {site.name})
                raise SetupError(
                    f"declares {certificate.name} otherwise than adapters/{others[0]}.toml does",
                    where=where,
                    remedy="let both plugins declare the same certificate type.",
                )

    def adapter_of(self, certificate: str, division: str | None) -> str | None:
        """The nearest adapter, or None where no adapter serves that division.

        Args:
            certificate: name of a known certificate type.
            division: 6 or 12 digits; None asks for an adapter that serves all.
        """
        adapters: Mapping[str, str] = self._adapters[certificate]
        if division is not None and (len(adapters) > 1 or _EVERYWHERE not in adapters):
            for place in enclosing_divisions(division):
                if place in adapters:
                    return adapters[place]
        return adapters.get(_EVERYWHERE)

    def certificates_of(self, adapter: str) -> frozenset[str]:
        """Names of all that the adapter answers, in any division."""
        return frozenset(
            certificate
            for certificate, adapters in self._adapters.items()
            if adapter in adapters.values()
        )


def _words(place: str) -> str:
    return f" for division {place}" if place else ""
