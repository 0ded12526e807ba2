# SPDX-License-Identifier: Apache-2.0
"""Suspicions about Signature-Input and Signature that cannot be read, each as a mended request."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from gateway.explain.capture import Capture

_QUOTED_PARAMETERS: Final = re.compile(r'\b(keyid|nonce|tag|alg)=([^";,:\s]+)')
_LIST: Final = re.compile(r"\(([^)]*)\)")
_NONCE: Final = re.compile(r'nonce="([^"]*)"')
_TAG: Final = re.compile(r'tag="[^"]*"')
_UNKNOWN_PARAMETER: Final = re.compile(
    r';(?!(?:created|nonce|keyid|tag|alg|expires)[=;,])[a-z*][a-z0-9_.*-]*(?:="[^"]*"|=[^;,]*)?'
)
_UNSUPPORTED: Final = re.compile(r' ?"@(?!method"|authority"|path"|query")[a-z-]+"')
_BASE64: Final = re.compile(r"=[:\"']?([A-Za-z0-9+/_-]{16,}={0,2})[:\"']?$")
_ANY_NONCE: Final = 'nonce="AAAAAAAAAAAAAAAAAAAAAAAA"'
_NONCE_MIN_CHARS: Final = 22
_NONCE_MAX_CHARS: Final = 64
_PARAMETERS: Final = ("created", "nonce", "keyid")


def suspect_fields(capture: Capture) -> Iterator[tuple[str, Capture]]:
    """Yield the id of a cause and the request as it would be without that mistake."""
    inputs = ", ".join(capture.lines("signature-input"))
    value = ", ".join(capture.lines("signature"))
    for cause, mended in _mend_input(inputs):
        if mended != inputs:
            yield cause, capture.with_field("Signature-Input", mended)
    for cause, mended in _mend_value(inputs, value):
        if mended != value:
            yield cause, capture.with_field("Signature", mended)


def classify_absence(capture: Capture) -> str:
    """Name what a COMPONENT_MISSING is about."""
    inputs = ", ".join(capture.lines("signature-input"))
    listed = _LIST.search(inputs)
    names = re.findall(r'"([a-z][^"]*)"', listed[1]) if listed else []
    if any(not capture.lines(name) for name in names):
        return "field-missing"
    if any(f";{name}=" not in inputs for name in _PARAMETERS):
        return "parameter-missing"
    return "component-missing"


def _mend_input(text: str) -> Iterator[tuple[str, str]]:
    yield "quotes-missing", _quote(text)
    yield "list-commas", _in_list(text, lambda listed: re.sub(r'"\s*,\s*"', '" "', listed))
    yield "component-case", _in_list(text, str.lower)
    yield "component-unsupported", _in_list(text, lambda listed: _UNSUPPORTED.sub("", listed))
    yield "parameter-unknown", _UNKNOWN_PARAMETER.sub("", text)
    yield "created-form", re.sub(r'created="?(\d+)(?:\.\d+)?"?', r"created=\1", text)
    if nonce := _NONCE.search(text):
        fits = _NONCE_MIN_CHARS <= len(nonce[1].rstrip("=")) <= _NONCE_MAX_CHARS
        yield "nonce-alphabet" if fits else "nonce-short", _NONCE.sub(_ANY_NONCE, text)
    ours = 'tag="yizheng-v1"'
    yield "tag-unknown", _TAG.sub(ours, text) if _TAG.search(text) else f"{text};{ours}"


def _mend_value(inputs: str, text: str) -> Iterator[tuple[str, str]]:
    label, other = inputs.partition("=")[0], text.partition("=")
    yield "label-mismatch", f"{label}={other[2]}"
    found = _BASE64.search(text)
    if found is None:
        return
    standard = found[1].rstrip("=").replace("-", "+").replace("_", "/")
    padded = standard + "=" * (-len(standard) % 4)
    cause = "signature-colons" if padded == found[1] else "signature-base64url"
    yield cause, f"{text[: found.start()]}=:{padded}:"


def _quote(text: str) -> str:
    quoted = _QUOTED_PARAMETERS.sub(r'\1="\2"', text)
    return _in_list(
        quoted, lambda listed: re.sub(r'(?<!["\w@-])(@?[\w-]+)(?!["\w-])', r'"\1"', listed)
    )


def _in_list(text: str, change: Callable[[str], str]) -> str:
    return _LIST.sub(lambda match: f"({change(match[1])})", text, count=1)
