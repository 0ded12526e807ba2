# SPDX-License-Identifier: Apache-2.0
"""Under which key a question may share an answer, by the cache scope of its certificate type.

==============  ================================================
never           no key
case            agency, grant and its version, item, case
agency_purpose  agency, grant and its version, item
public          anyone who may ask
==============  ================================================

::

    key = tag[16] ‖ MAC(secret, tag, scope, holder's name, adapter, keys, sharers)[16]
    tag = MAC(secret, certificate, scheme, number)[16]

1. Both halves are MACs under a secret that is never written down: a key tells nothing about the
   holder, and the ~10¹¹ citizen numbers cannot be tried against a memory dump without that secret.
2. What is hashed is a MessagePack array: each element carries its type and length, so no two
   questions read alike ("ab","c" is not "a","bc").
3. The tag is the same whoever asks, so what is kept of a holder can be forgotten without knowing
   under which keys it is kept.
4. The holder's name is part of the question, since a department may answer by number *and* name:
   a wrong name must not hide the record from the next caller. So are the claims of key fields, and
   the adapter that is asked: what one division's department says is no answer of another's.
"""

from collections.abc import Mapping
from typing import Final, assert_never

import msgspec

from gateway.crypto.digest import KeyedHash
from gateway.model.certificate import CertificateType, Value
from gateway.model.holder import Holder

TAG_BYTES: Final = 16

_encode: Final = msgspec.msgpack.Encoder().encode


def holder_tag(keyed: KeyedHash, certificate: str, scheme: str, number: str) -> bytes:
    """The first half of every key about one certificate type of one holder."""
    return keyed(_encode((certificate, scheme, number)))


def cache_key(
    keyed: KeyedHash,
    holder: Holder,
    certificate: CertificateType,
    *,
    agency: str,
    item: str,
    case: str,
    grant: str,
    adapter: str = "",
    keys: Mapping[str, Value] | None = None,
) -> bytes | None:
    """Derive the 32-byte key of a question, or None where no answer may be kept.

    Args:
        keyed: under the secret of the cache.
        holder: whom it is about.
        certificate: what it is about; brings scope and time to live.
        agency: id of the agency.
        item: code of the service item.
        case: number of the case.
        grant: `id@version`, so that a new version starts afresh.
        adapter: name of the adapter that would be asked.
        keys: claims of the certificate's key fields, by name.
    """
    if certificate.ttl_s == 0:
        return None
    match certificate.cache_scope:
        case "never":
            return None
        case "case":
            sharers: tuple[str, ...] = (agency, grant, item, case)
        case "agency_purpose":
            sharers = (agency, grant, item)
        case "public":
            sharers = ()
        case scope:
            assert_never(scope)
    tag = holder_tag(keyed, certificate.name, holder.scheme, holder.number)
    asked = (holder.name, adapter, sorted((keys or {}).items()))
    return tag + keyed(_encode((tag, certificate.cache_scope, *asked, *sharers)))
