# SPDX-License-Identifier: Apache-2.0
"""Certificate types 电子证照类型: what a department's adapter can answer."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.errors import Text
from gateway.model.holder import Scheme

FieldType = Literal["string", "date", "month", "boolean", "integer", "decimal", "code"]
#: normal · personal · sensitive (PIPL art. 28 or of like risk)
Sensitivity = Literal["normal", "personal", "sensitive"]
#: Who may share one cached answer (DESIGN §8).
CacheScope = Literal["never", "case", "agency_purpose", "public"]

#: JSON value of one field: dates `YYYY-MM-DD` (or `长期`), months `YYYY-MM`, decimals as strings.
Value = str | int | bool | None


class Field(msgspec.Struct, frozen=True):
    """One field of a certificate.

    Attributes:
        name: `snake_case`, at most 40 characters; stable.
        title: words for people.
        type: how `Value` is to be read.
        sensitivity: decides what a grant must name on its own.
        codes: the code list of a field of type `code`, words by code; an answer with a code that
            is not in a list that has entries is refused. Empty is without a list.
    """

    name: str
    title: Text
    type: FieldType = "string"
    sensitivity: Sensitivity = "personal"
    codes: Mapping[str, Text] = {}


class CertificateType(msgspec.Struct, frozen=True):
    """What one adapter promises about one kind of certificate.

    Attributes:
        name: `<department>.<certificate>`.
        title: words for people.
        schemes: which holder numbers it can be asked by.
        fields: what an answer may hold; an answer with any other field is refused.
        ttl_s: seconds for which a found answer may be served again; 0 is never.
        cache_scope: who may share a cached answer.
        holder_field: the field that repeats the holder's number; the guard compares it with the
            holder that was asked about. None where the department does not repeat it.
        name_field: the field with the holder's name: a query that gives another name is answered
            `mismatch` and discloses nothing. None where there is no such field.
        stale_s: seconds beyond `ttl_s` for which a found answer may still be served, marked as
            stale, while the department is unavailable or does not answer in time; 0 is never.
        legal_basis: the rule under which the department may share it, in words.
        key_fields: fields that the department must be asked by besides the number (a birth
            certificate: the mother's number). A caller states each in `claims`, also for a query;
            they are granted, recorded and part of the cache key.
    """

    name: str
    title: Text
    schemes: tuple[Scheme, ...]
    fields: tuple[Field, ...]
    ttl_s: int = 0
    cache_scope: CacheScope = "never"
    holder_field: str | None = None
    name_field: str | None = None
    stale_s: int = 0
    legal_basis: Text | None = None
    key_fields: tuple[str, ...] = ()

    @property
    def field_names(self) -> frozenset[str]:
        """Names of all fields."""
        return frozenset(field.name for field in self.fields)
