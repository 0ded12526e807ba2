# SPDX-License-Identifier: Apache-2.0
"""HTTP message signatures: one strict profile of RFC 9421 with RFC 9530, for both directions.

Pure: no clock, no I/O, no key store. `sfv` reads fields, `component` takes what is covered,
`tagged` finds our signature, `base` prints what is signed; `request`, `response` and `digest` are
the profile. Who holds a key, whether it is in time and new, is decided by `gateway.admission`.
"""

from gateway.httpsig.component import Component, FieldLines
from gateway.httpsig.digest import content_digest, verify_content_digest
from gateway.httpsig.kept import keep_request, kept_request
from gateway.httpsig.message import RequestSignature, SignedRequest
from gateway.httpsig.request import (
    TAG,
    parse_request_signature,
    request_signature_headers,
    required_components,
    signature_base,
)
from gateway.httpsig.response import (
    RESPONSE_TAG,
    response_signature_base,
    response_signature_headers,
    response_signature_values,
    verify_response_signature,
)

__all__ = [
    "RESPONSE_TAG",
    "TAG",
    "Component",
    "FieldLines",
    "RequestSignature",
    "SignedRequest",
    "content_digest",
    "keep_request",
    "kept_request",
    "parse_request_signature",
    "request_signature_headers",
    "required_components",
    "response_signature_base",
    "response_signature_headers",
    "response_signature_values",
    "signature_base",
    "verify_content_digest",
    "verify_response_signature",
]
