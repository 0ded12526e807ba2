# SPDX-License-Identifier: Apache-2.0
"""An agency as the text of `agencies/<id>.toml`, and back."""

import msgspec

from gateway.model.agency import Agency
from gateway.model.toml_text import format_toml


def format_agency(agency: Agency) -> str:
    """Write an agency as TOML."""
    return format_toml(agency)


def parse_agency(text: str) -> Agency:
    """Read what `format_agency` writes, and whatever else TOML says of one agency.

    Raises:
        msgspec.DecodeError: not TOML, or not an agency.
    """
    return msgspec.toml.decode(text, type=Agency)
