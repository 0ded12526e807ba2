# SPDX-License-Identifier: Apache-2.0
"""What a declaration may say, decoded strictly: a mistake names the key and the remedy.

::

    api_version = 1
    description = "Degree register, JSON over HTTP."
    department = { en = "Education", zh = "教育" }
    ping = { path = "/health" }

    [[certificates]]
    name = "education.degree"
    title = { en = "Degree", zh = "学历学位" }
    schemes = ["cn-id"]
    …
    [certificates.http]                  # or [certificates.sql], or [certificates.file]
    …
    [[certificates.fields]]
    name = "graduated_on"
    title = { en = "Graduated on", zh = "毕业日期" }
    type = "date"
    from = "BYRQ"
    form = "YYYYMMDD"
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.errors import SetupError, Text
from gateway.model.certificate import CacheScope, CertificateType, Field, FieldType, Sensitivity
from gateway.model.holder import Scheme
from gateway.sdk.kits.convert import Form, Origin
from gateway.sdk.kits.declarative.template import check_name, check_template
from gateway.sdk.kits.filedrop.layout import Layout
from gateway.sdk.kits.returncodes import Failure

Kind = Literal["http", "sql", "file"]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Path = Annotated[str, Meta(pattern="^/[^?#{}]*$", max_length=500)]
#: Of two values, one is the greater.
_ORDERED: Final[frozenset[FieldType]] = frozenset({"date", "month", "integer", "decimal"})


class Test(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member of an answer, and what it may be.

    Attributes:
        member: path with dots, e.g. `head.status`.
        values: as text; a number and a truth value are compared as JSON prints them.
    """

    member: Name
    values: Annotated[tuple[str, ...], Meta(min_length=1)]


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[certificates.http]`: a question by POST with JSON.

    Attributes:
        path: appended to the base URL; personal data never stands in it.
        body: the question; a text `{number}` is filled in, see `template`.
        records: path of the record, or of an array of them; null and an empty array are *not
            found*, and so is what `not_found` says.
        code: path of the answer's own code.
        success: its values for *answered*.
        not_found: its values for *no such record*.
        failures: what other values mean; what stands in neither is a breach of contract.
        provincial: also take the provincial gateway's return codes, docs/reference/return-codes.md.
        newest: of several records, the one with the greatest value of this field counts: a date, a
            month, an integer or a decimal; without it, more than one is a breach of contract.
    """

    path: Path
    body: dict[str, Any]
    records: Name
    code: Name | None = None
    success: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()
    failures: Mapping[str, Failure] = {}
    provincial: bool = False
    newest: Name | None = None


class Sql(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[certificates.sql]`: one SELECT.

    Attributes:
        statement: with `$1`, `$2` …; at most one row, so order it and limit it where there may be
            several.
        parameters: what is filled in, see `template`, e.g. `number` or `claims.certificate_no`.
    """

    statement: Annotated[str, Meta(pattern=r"(?is)^\s*(select|with)\b")]
    parameters: tuple[Name, ...]


class FieldDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[certificates.fields]]`: a field, and where it comes from.

    Attributes:
        name: in the certificate.
        title: words for people.
        type: of the value.
        sensitivity: decides what a grant must name on its own.
        codes: code list, words by code.
        from: the department's name of it, with dots into members; without it, the field's name.
        form: of a day or a month that is written as text.
        map: our value for each of the department's.
        true: texts that mean yes.
        false: texts that mean no.
        empty: texts that mean that there is no value.
        upper: put into capitals.
    """

    name: str
    title: Text
    type: FieldType = "string"
    sensitivity: Sensitivity = "personal"
    codes: Mapping[str, Text] = {}
    source: Name | None = msgspec.field(name="from", default=None)
    form: Form | None = None
    map: Mapping[str, str] = {}
    true: tuple[str, ...] | None = None
    false: tuple[str, ...] | None = None
    empty: tuple[str, ...] = ()
    upper: bool = False

    def field(self) -> Field:
        """The field of the certificate type."""
        return Field(self.name, self.title, self.type, self.sensitivity, self.codes)

    def origin(self) -> Origin:
        """Where it comes from."""
        texts = {name: said for name in ("true", "false") if (said := getattr(self, name))}
        return Origin(
            source=self.source or self.name,
            form=self.form,
            map=self.map,
            empty=self.empty,
            upper=self.upper,
            **texts,
        )


class CertificateDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[certificates]]`: a certificate type, and the question that it needs.

    Attributes:
        name: `<department>.<certificate>`.
        title: words for people.
        schemes: which holder numbers it can be asked by.
        fields: what an answer holds.
        ttl_s: seconds for which a found answer may be served again; 0 is never.
        stale_s: seconds beyond `ttl_s` for which it may still be served, marked as stale, while the
            department is away or is spared in an emergency; 0 is never.
        cache_scope: who may share a cached answer.
        holder_field: the field that repeats the holder's number.
        name_field: the field with the holder's name.
        legal_basis: the rule under which it may be shared.
        key_fields: fields that the department is asked by besides the number.
        http: how a service is asked; exactly one of `http`, `sql` and `file`.
        sql: how a database is asked.
        file: what a delivery looks like.
    """

    name: str
    title: Text
    schemes: Annotated[tuple[Scheme, ...], Meta(min_length=1)]
    fields: Annotated[tuple[FieldDeclaration, ...], Meta(min_length=1)]
    ttl_s: Annotated[int, Meta(ge=0)] = 0
    stale_s: Annotated[int, Meta(ge=0)] = 0
    cache_scope: CacheScope = "never"
    holder_field: str | None = None
    name_field: str | None = None
    legal_basis: Text | None = None
    key_fields: tuple[str, ...] = ()
    http: Http | None = None
    sql: Sql | None = None
    file: Layout | None = None

    def type(self) -> CertificateType:
        """The certificate type."""
        return CertificateType(
            name=self.name,
            title=self.title,
            schemes=self.schemes,
            fields=tuple(field.field() for field in self.fields),
            ttl_s=self.ttl_s,
            stale_s=self.stale_s,
            cache_scope=self.cache_scope,
            holder_field=self.holder_field,
            name_field=self.name_field,
            legal_basis=self.legal_basis,
            key_fields=self.key_fields,
        )

    def origins(self) -> Mapping[str, Origin]:
        """Where each field comes from, by field name."""
        return {field.name: field.origin() for field in self.fields}


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to ask whether the system works, about nobody.

    Attributes:
        path: of an HTTP service, asked by GET.
        test: what its JSON answer has to say; without it, any JSON with status 2xx does.
        statement: of a database.
    """

    path: Path | None = None
    test: Test | None = None
    statement: str | None = None


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole adapter.

    Attributes:
        api_version: the adapter contract that it was written for.
        description: one line on the system that is asked.
        department: what the department is called.
        certificates: what it answers.
        ping: how health is asked; a file drop needs none.
    """

    api_version: int
    description: Name
    department: Text
    certificates: Annotated[tuple[CertificateDeclaration, ...], Meta(min_length=1)]
    ping: Ping = Ping()

    @property
    def kind(self) -> Kind:
        """What kind of system is asked; the same for all certificates."""
        certificate = self.certificates[0]
        return "http" if certificate.http else "sql" if certificate.sql else "file"


def decode_declaration(text: str, where: str) -> Declaration:
    """Decode and check a declaration in TOML.

    Args:
        text: the file.
        where: the file's name, for messages.

    Raises:
        SetupError: names the key and the remedy.
    """
    try:
        return check_declaration(tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"not TOML: {error}", where=where, remedy="mend the line.") from None


def check_declaration(members: object, where: str) -> Declaration:
    """Check a declaration that is already decoded as TOML.

    Raises:
        SetupError: names the key and the remedy.
    """
    try:
        declared = msgspec.convert(members, Declaration, strict=True)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        key = path.strip("`").removeprefix("$").removeprefix(".")
        raise SetupError(
            what,
            where=f"{where}: {key}" if key else where,
            remedy="docs/reference/declarative-adapters.md lists what may stand there.",
        ) from None
    for index, certificate in enumerate(declared.certificates):
        _check_certificate(certificate, declared.kind, f"{where}: certificates[{index}]")
    _check_ping(declared, where)
    return declared


def _check_certificate(certificate: CertificateDeclaration, kind: Kind, where: str) -> None:
    asked = [name for name in ("http", "sql", "file") if getattr(certificate, name) is not None]
    if asked != [kind]:
        raise SetupError(
            f"is asked by {' and '.join(asked) or 'nothing'}",
            where=where,
            remedy="write exactly one of `http`, `sql` and `file`, the same for all certificates.",
        )
    types = {field.name: field.type for field in certificate.fields}
    claims = frozenset(certificate.key_fields)
    _check_roles(certificate, types, where)
    if certificate.http is not None:
        check_template(certificate.http.body, claims, f"{where}.http.body")
        _check_http(certificate.http, types, f"{where}.http")
    if certificate.sql is not None:
        for number, name in enumerate(certificate.sql.parameters):
            check_name(name, claims, f"{where}.sql.parameters[{number}]")
        _check_sql(certificate.sql, f"{where}.sql")
    if certificate.file is not None:
        _check_file(certificate, certificate.file, where)


def _check_roles(certificate: CertificateDeclaration, names: Collection[str], where: str) -> None:
    for key in ("holder_field", "name_field", "key_fields"):
        named = getattr(certificate, key) or ()
        for name in (named,) if isinstance(named, str) else named:
            if name not in names:
                raise SetupError(
                    f"names `{name}`, which is not among the fields",
                    where=f"{where}.{key}",
                    remedy="declare the field, or mend the name.",
                )


def _check_file(certificate: CertificateDeclaration, layout: Layout, where: str) -> None:
    if certificate.holder_field is None:
        raise SetupError(
            "has no holder_field, so no row can be found",
            where=where,
            remedy="name the field by which rows are asked for.",
        )
    layout.check(certificate.origins(), f"{where}.file")


def _check_http(http: Http, types: Mapping[str, FieldType], where: str) -> None:
    if http.newest is not None and http.newest not in types:
        raise SetupError(
            f"names `{http.newest}`, which is not among the fields",
            where=f"{where}.newest",
            remedy="declare the field, or mend the name.",
        )
    if http.newest is not None and types[http.newest] not in _ORDERED:
        raise SetupError(
            f"names `{http.newest}`, which is a {types[http.newest]}: none is greater than another",
            where=f"{where}.newest",
            remedy="name a field that is a date, a month, an integer or a decimal.",
        )
    coded = bool(http.success or http.not_found or http.failures or http.provincial)
    if coded != (http.code is not None) or (coded and not http.success):
        raise SetupError(
            "a code needs its path and its values for success, and values need the code's path",
            where=where,
            remedy="write `code` and `success`, or neither of `code`, `success`, `not_found`, "
            "`failures` and `provincial`.",
        )


def _check_sql(sql: Sql, where: str) -> None:
    used = {int(number) for number in re.findall(r"\$([0-9]{1,6})", sql.statement)}
    for number in range(1, len(sql.parameters) + 1):
        if number not in used:
            raise SetupError(
                f"the parameter ${number} is not in the statement",
                where=f"{where}.statement",
                remedy="number the parameters `$1`, `$2` … in the order of `parameters`.",
            )
    if surplus := used - set(range(1, len(sql.parameters) + 1)):
        raise SetupError(
            f"${min(surplus)} has no parameter",
            where=f"{where}.statement",
            remedy="add it to `parameters`; values never stand in the statement itself.",
        )


def _check_ping(declared: Declaration, where: str) -> None:
    needed = {"http": "path", "sql": "statement", "file": None}[declared.kind]
    given = [n for n in ("path", "statement") if getattr(declared.ping, n) is not None]
    if given != ([needed] if needed else []):
        raise SetupError(
            f"a department that is asked by {declared.kind} is pinged by {needed or 'nothing'}",
            where=f"{where}: ping",
            remedy=f"write `ping = {{ {needed} = … }}`." if needed else "leave `ping` out.",
        )
