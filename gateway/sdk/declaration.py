# SPDX-License-Identifier: Apache-2.0
"""What an adapter class declares about itself, checked before it is used.

Rules:

1. The class speaks a contract of `API_VERSIONS`, and names the entry point that brought it.
2. Settings are a frozen struct that refuses unknown keys, so that a typing error is found at start.
3. Certificates are well-formed values with unique names and fields. They are made in code, where
   msgspec checks nothing, so they are decoded once more here.
"""

import inspect
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from gateway.errors import SetupError
from gateway.model.certificate import CertificateType
from gateway.sdk.adapter import API_VERSION, API_VERSIONS, Adapter

#: `<department>.<certificate>`; 64 characters is what a request may name.
_CERTIFICATE_NAME: Final = re.compile(r"(?=.{3,64}\Z)[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
#: 40 characters is what a request may name, and keeps an audit entry inside its 4 KiB.
_FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ATTRIBUTES: Final = ("plugin", "api_version", "certificates", "settings_type")


def check_class(name: str, adapter: object, distribution: str) -> None:
    """Check one adapter class.

    Args:
        name: the plugin name under which config knows it.
        adapter: what the plugin registered.
        distribution: what to install or upgrade, for remedies.

    Raises:
        SetupError: the class cannot be used; says what to change, and on which side.
    """
    where = f"plugin {name}"
    if not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
        raise SetupError(
            "registers something that is not an Adapter class",
            where=where,
            remedy="register the class itself, not an instance.",
        )
    where = f"{where}: {adapter.__name__}"
    _check_version(adapter, where, distribution)
    missing = [attribute for attribute in _ATTRIBUTES if not hasattr(adapter, attribute)]
    missing += sorted(getattr(adapter, "__abstractmethods__", ()))
    if missing or inspect.isabstract(adapter):
        raise SetupError(
            f"does not define {', '.join(missing)}",
            where=where,
            remedy="see gateway/sdk/adapter.py for what an adapter defines.",
        )
    if adapter.plugin != name:
        raise SetupError(
            f"calls its plugin `{adapter.plugin}`, but the entry point is `{name}`",
            where=where,
            remedy="make them equal.",
        )
    _check_settings_type(adapter, where)
    _check_certificates(adapter, where)


def _check_version(adapter: type[Adapter[Any]], where: str, distribution: str) -> None:
    version = getattr(adapter, "api_version", API_VERSION)
    if not isinstance(version, int) or isinstance(version, bool):
        raise SetupError(
            "its api_version is not a whole number",
            where=where,
            remedy=f"write the contract that it was written for: {API_VERSION} is the newest.",
        )
    if version >= API_VERSIONS.stop:
        raise SetupError(
            f"needs adapter contract {version}; this gateway has {_supported()}",
            where=where,
            remedy=f"upgrade yizheng-gateway, or install an older `{distribution}`.",
        )
    if version < API_VERSIONS.start:
        raise SetupError(
            f"was written for adapter contract {version}; this gateway has {_supported()}",
            where=where,
            remedy=f"upgrade `{distribution}`, or install an older yizheng-gateway.",
        )


def _supported() -> str:
    return str(API_VERSION) if len(API_VERSIONS) == 1 else f"{API_VERSIONS[0]} to {API_VERSION}"


def _check_settings_type(adapter: type[Adapter[Any]], where: str) -> None:
    config = getattr(adapter.settings_type, "__struct_config__", None)
    if config is None or not (config.frozen and config.forbid_unknown_fields):
        raise SetupError(
            "settings_type is not a frozen struct that refuses unknown keys",
            where=where,
            remedy="derive it from msgspec.Struct with frozen=True, forbid_unknown_fields=True.",
        )


def _check_certificates(adapter: type[Adapter[Any]], where: str) -> None:
    if not adapter.certificates:
        raise SetupError("declares no certificate", where=where, remedy="declare what it answers.")
    _refuse_twice((c.name for c in adapter.certificates), "certificate", where)
    for certificate in adapter.certificates:
        _check_certificate(certificate, f"{where}: {certificate.name}")


def _check_certificate(certificate: CertificateType, where: str) -> None:
    try:
        msgspec.convert(msgspec.to_builtins(certificate), CertificateType)
    except msgspec.ValidationError as error:
        raise SetupError(
            str(error), where=where, remedy="see gateway/model/certificate.py for the form."
        ) from None
    if not _CERTIFICATE_NAME.fullmatch(certificate.name):
        raise SetupError(
            "is not named `<department>.<certificate>`",
            where=where,
            remedy="use lower-case letters, digits and `_` around one dot, 64 characters at most.",
        )
    if not certificate.schemes or not certificate.fields:
        raise SetupError(
            "has no scheme or no field", where=where, remedy="declare at least one of each."
        )
    names = [field.name for field in certificate.fields]
    for field in names:
        if not _FIELD_NAME.fullmatch(field):
            raise SetupError(
                f"has a field `{field}` whose name is not acceptable",
                where=where,
                remedy="use snake_case of at most 40 characters.",
            )
    _refuse_twice(names, "field", where)
    for role in ("holder_field", "name_field"):
        field = getattr(certificate, role)
        if field is not None and field not in names:
            raise SetupError(
                f"names `{field}` as {role}, which is not among its fields",
                where=where,
                remedy=f"declare the field, or leave {role} out.",
            )
    for name in ("ttl_s", "stale_s"):
        if getattr(certificate, name) < 0:
            raise SetupError(f"has a negative {name}", where=where, remedy="0 is never.")
    _check_codes(certificate, where)
    _check_key_fields(certificate, names, where)


def _check_codes(certificate: CertificateType, where: str) -> None:
    for field in certificate.fields:
        if field.codes and (field.type != "code" or "" in field.codes):
            raise SetupError(
                f"has a code list for `{field.name}` that no value can be in",
                where=where,
                remedy="declare the field as `code`, and every code as text that is not empty.",
            )


def _check_key_fields(certificate: CertificateType, names: Iterable[str], where: str) -> None:
    _refuse_twice(certificate.key_fields, "key field", where)
    for field in certificate.key_fields:
        if field not in names or field == certificate.holder_field:
            raise SetupError(
                f"names `{field}` as a key field, which is no field beside the holder's number",
                where=where,
                remedy="declare the field, or leave it out of key_fields.",
            )


def _refuse_twice(names: Iterable[str], what: str, where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise SetupError(
                f"declares the {what} `{name}` twice", where=where, remedy="declare it once."
            )
        seen.add(name)
