# SPDX-License-Identifier: Apache-2.0
"""A throw-away site for adapters under development: fresh keys, one agency that may ask everything.

::

    FOLDER/site/            the site, with an adapter file for each subject
    FOLDER/agency/          the agency's key and the profile of `yizheng lookup`
    FOLDER/installed/       entry points of adapters that are not installed, for PYTHONPATH

Written anew at each life of the gateway, since an adapter may declare other fields now; keys and
the log stay.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import msgspec

from gateway.conformance import Subject
from gateway.conformance.plugin import GROUP, entry_point_of, import_folders
from gateway.keyring import make_missing_keys, write_key_pair, write_private

ITEM: Final = "dev-001"
CASE: Final = "DEV-0001"
_AGENCY: Final = "dev"
_OPERATOR: Final = "dev-0001"
_GATEWAY: Final = """\
[site]
name = "开发网关 Development"
issuer = "https://gateway.dev.example"
origin = "gateway.dev.example/log"
"""
_ITEM: Final = f"""\
[[items]]
code = "{ITEM}"
name = "开发调试"
certificate_name = "居民身份证"
item_type = "公共服务"
department = "开发（调试）"
time_limit = "即办"
"""


def write_site(folder: Path, subjects: Sequence[Subject]) -> Path:
    """Write the site and the agency; returns the site's folder.

    Args:
        folder: with a short path, since a Unix socket lies in it.
        subjects: whose adapters are run, with settings and secrets of their running simulators.
    """
    from gateway.config import load_site

    site, agency = folder / "site", folder / "agency"
    for part in ("agencies", "items", "grants", "adapters", "keys"):
        (site / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    agency.mkdir(exist_ok=True)
    key = agency / "dev.pem"
    if not key.exists():
        write_key_pair(key, "ecdsa-p256-sha256")
    (site / "gateway.toml").write_text(_GATEWAY, encoding="utf-8")
    public = key.with_suffix(".pub.pem").read_text(encoding="ascii")
    (site / f"agencies/{_AGENCY}.toml").write_text(_agency(public), encoding="utf-8")
    (site / "items/dev.toml").write_text(_items(subjects), encoding="utf-8")
    (site / "grants/dev.toml").write_text(_grants(subjects), encoding="utf-8")
    for subject in subjects:
        _write_adapter(site, subject)
        _install(folder / "installed", subject)
    make_missing_keys(load_site(site))
    return site


def write_profile(folder: Path, url: str) -> Path:
    """Write the profile of `yizheng lookup`; returns its file."""
    profile = folder / "agency/profile.toml"
    lines = {
        "url": url,
        "key": "dev.pem",
        "keyid": "dev-1",
        "gateway_key": "../site/keys/gateway.pub.pem",
        "operator_id": _OPERATOR,
        "operator_name": "开发经办",
    }
    text = "".join(f"{key} = {format_value(value)}\n" for key, value in lines.items())
    profile.write_text(text, encoding="utf-8")
    return profile


def python_path(folder: Path, subjects: Sequence[Subject]) -> str:
    """Where the gateway finds adapters that are not installed."""
    sources = [
        str(source)
        for subject in subjects
        if subject.folder is not None
        for source in import_folders(subject.folder)
    ]
    return os.pathsep.join([str(folder / "installed"), *sources])


def format_value(value: object) -> str:
    """A TOML value of JSON's kinds; a text in JSON is a basic string in TOML, but for DEL."""
    match value:
        case Mapping():
            inner = (f"{format_value(key)} = {format_value(item)}" for key, item in value.items())
            return f"{{ {', '.join(inner)} }}"
        case list() | tuple():
            return f"[{', '.join(format_value(item) for item in value)}]"
        case _:
            return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _agency(public: str) -> str:
    return (
        f'id = "{_AGENCY}"\nname = "开发用证单位"\n\n[[keys]]\nid = "dev-1"\n'
        f"algorithm = \"ecdsa-p256-sha256\"\npublic = '''\n{public}'''\n\n"
        f'[[operators]]\nid = "{_OPERATOR}"\nname = "开发经办"\n'
    )


def _items(subjects: Sequence[Subject]) -> str:
    materials = (
        f'\n[[items.materials]]\nname = "{certificate}"\ncertificate = "{certificate}"\n'
        f"fields = {format_value(fields)}\n"
        for certificate, fields in _certificates(subjects)
    )
    return _ITEM + "".join(materials)


def _grants(subjects: Sequence[Subject]) -> str:
    year = datetime.now(UTC).year
    return "\n".join(
        f'[[grants]]\nid = "dev-{number}"\nversion = 1\nagency = "{_AGENCY}"\n'
        f'certificate = "{certificate}"\noperations = ["query", "verify"]\n'
        f'fields = {format_value(fields)}\nitems = ["{ITEM}"]\n'
        f'valid_from = {year - 1}-01-01\nvalid_until = {year + 1}-12-31\nbasis = "开发调试"\n'
        for number, (certificate, fields) in enumerate(_certificates(subjects), start=1)
    )


def _certificates(subjects: Sequence[Subject]) -> Iterator[tuple[str, list[str]]]:
    for subject in subjects:
        for certificate in subject.adapter.certificates:
            yield certificate.name, [field.name for field in certificate.fields]


def _write_adapter(site: Path, subject: Subject) -> None:
    """The adapter's file; its secrets become files, whatever its manifest calls them."""
    plugin = subject.adapter.plugin
    settings = format_value(subject.settings)
    for number, (reference, text) in enumerate(subject.secrets.items()):
        file = site / f"keys/{plugin}.{number}.secret"
        file.unlink(missing_ok=True)
        write_private(file, text.encode())
        settings = settings.replace(format_value(reference), format_value(f"file:keys/{file.name}"))
    (site / f"adapters/{plugin}.toml").write_text(
        f'plugin = "{plugin}"\nsettings = {settings}\n', encoding="utf-8"
    )


def _install(folder: Path, subject: Subject) -> None:
    """Give the plugin an entry point, unless it is installed."""
    plugin = subject.adapter.plugin
    if subject.folder is None or entry_points(group=GROUP, name=plugin):
        return
    module = entry_point_of(subject.folder, plugin)
    metadata = folder / f"yizheng_dev_{plugin}-0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: yizheng-dev-{plugin}\nVersion: 0\n", encoding="utf-8"
    )
    (metadata / "entry_points.txt").write_text(
        f"[{GROUP}]\n{plugin} = {module}\n", encoding="utf-8"
    )
