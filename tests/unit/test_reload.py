# SPDX-License-Identifier: Apache-2.0
"""What a worker takes from disk, and what it keeps when it cannot."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec
import pytest

from gateway.admission.admission import Admission
from gateway.config import GatewayConfig, Site, SiteSection
from gateway.crypto.keys import generate_private_key, public_pem
from gateway.errors import RequestError
from gateway.httpsig import SignedRequest
from gateway.model.agency import Agency, AgencyKey
from gateway.model.agency_file import format_agency
from gateway.model.toml_text import format_tables
from gateway.reload import LiveSite
from tests.unit.catalog.stock import make_item
from tests.unit.exchange.rooms import GRANT, IDENTITY

CONFIG = GatewayConfig(SiteSection("n", "https://g.example", "g.example/log"))


def agency(name: str, keyid: str, *, revoked: bool = False) -> Agency:
    pem = public_pem(generate_private_key("ed25519"))
    return Agency(name, name, keys=(AgencyKey(keyid, "ed25519", pem, revoked=revoked),))


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Agency], Path]:
    (tmp_path / "agencies").mkdir()

    def write(agency: Agency) -> Path:
        file = tmp_path / "agencies" / f"{agency.id}.toml"
        file.write_text(format_agency(agency))
        return file

    return write


@pytest.fixture
def live(tmp_path: Path) -> LiveSite:
    return live_of(Site(tmp_path, CONFIG, (), (), (), ()))


def live_of(site: Site) -> LiveSite:
    return LiveSite(
        site,
        certificates={IDENTITY.name: IDENTITY},
        open_door=lambda agencies, records_of: Admission(
            agencies,
            authorities=("g",),
            clock_window_s=60,
            clock=lambda: 0.0,
            records_of=records_of,
        ),
    )


def knows(live: LiveSite, keyid: str) -> bool:
    """Whether the door knows the key; what it says of the signature does not matter here."""
    code = refusal(live, keyid)
    assert code in {"KEY_UNKNOWN", "KEY_INACTIVE", "DIGEST_MISMATCH"}
    return code == "DIGEST_MISMATCH"


def refusal(live: LiveSite, keyid: str) -> str:
    """Why the door refuses a request that names this key, and is not signed by it."""
    member = (
        'a=("@method" "@authority" "@path" "@query" "content-type" "content-digest")'
        f';created=0;nonce="{"n" * 24}";keyid="{keyid}";tag="yizheng-v1"'
    )
    lines = {
        "signature-input": (member,),
        "signature": (f"a=:{'A' * 86}==:",),
        "content-type": ("application/json",),
        "content-digest": (f"sha-256=:{'A' * 43}=:",),
    }
    request = SignedRequest(
        method="POST",
        authority="g",
        path="/",
        query="?",
        lines=lambda name: lines.get(name, ()),
        has_body=True,
    )
    with pytest.raises(RequestError) as caught:
        live.identify(request, b"", "")
    return caught.value.code


async def test_files_that_come_change_and_go_are_taken(
    live: LiveSite, write: Callable[[Agency], Path]
) -> None:
    file = write(agency("a", "k1"))
    await live.refresh()
    assert (knows(live, "k1"), knows(live, "k2")) == (True, False)
    write(agency("a", "k2"))
    await live.refresh()
    assert (knows(live, "k1"), knows(live, "k2")) == (False, True)
    write(agency("a", "k2", revoked=True))
    await live.refresh()
    assert not knows(live, "k2")
    file.unlink()
    await live.refresh()
    assert (knows(live, "k2"), live.state) == (False, "ok")


async def test_a_file_that_goes_stops_no_agency_that_a_grant_names_to_disable_it_does(
    tmp_path: Path, write: Callable[[Agency], Path]
) -> None:
    named = agency("a", "k1")
    file = write(named)
    grant = msgspec.structs.replace(GRANT, agency="a", items=())
    live = live_of(Site(tmp_path, CONFIG, (named,), (), (grant,), ()))
    await live.refresh()
    file.unlink()
    await live.refresh()
    assert (knows(live, "k1"), live.state) == (True, "stale")
    write(msgspec.structs.replace(named, active=False))
    await live.refresh()
    assert (refusal(live, "k1"), live.state) == ("AGENCY_INACTIVE", "ok")


async def test_a_broken_file_keeps_its_last_good_one_and_no_other_back(
    live: LiveSite, write: Callable[[Agency], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(agency("a", "k1"))
    write(agency("b", "k2"))
    await live.refresh()
    file.write_text("id =")
    write(agency("b", "k2", revoked=True))
    await live.refresh()
    assert (knows(live, "k1"), knows(live, "k2"), live.state) == (True, False, "stale")
    assert "agencies/a.toml" in capsys.readouterr().out
    write(agency("a", "k3"))
    await live.refresh()
    assert (knows(live, "k1"), knows(live, "k3"), live.state) == (False, True, "ok")


async def test_a_binding_that_nobody_can_meet_keeps_no_revocation_back(
    live: LiveSite, write: Callable[[Agency], Path]
) -> None:
    bound = msgspec.structs.replace(agency("a", "k1"), x509_sha256=("0" * 64,))
    write(bound)
    await live.refresh()
    assert (knows(live, "k1"), live.state) == (True, "ok")
    write(msgspec.structs.replace(agency("a", "k1", revoked=True), x509_sha256=("0" * 64,)))
    await live.refresh()
    assert (knows(live, "k1"), live.state) == (False, "ok")


async def test_a_key_id_of_two_agencies_is_refused_until_it_has_moved(
    live: LiveSite, write: Callable[[Agency], Path]
) -> None:
    write(agency("a", "k1"))
    await live.refresh()
    write(agency("b", "k1"))
    write(agency("c", "k3"))
    await live.refresh()
    assert (knows(live, "k3"), live.state) == (True, "stale")
    write(agency("a", "k4"))
    await live.refresh()
    assert (knows(live, "k1"), knows(live, "k4"), live.state) == (True, True, "ok")


async def test_a_reload_of_everything_is_all_or_nothing(
    live: LiveSite, write: Callable[[Agency], Path], tmp_path: Path
) -> None:
    write(agency("a", "k1"))
    (tmp_path / "grants").mkdir()
    grants = tmp_path / "grants/x.toml"
    grants.write_text("[")
    await live.reload()
    assert (knows(live, "k1"), live.state) == (False, "stale")
    grants.write_text("grants = []")
    await live.reload()
    assert (knows(live, "k1"), live.state) == (True, "ok")


async def test_a_share_type_of_what_nobody_answers_is_a_mistake(
    live: LiveSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shares").mkdir()
    shares = tmp_path / "shares/x.toml"
    shares.write_text('shares = [{certificate = "a.b", type = "none", reason = "synthetic"}]')
    await live.reload()
    assert live.state == "stale"
    assert "names the certificate `a.b`" in capsys.readouterr().out
    shares.write_text("shares = []")
    await live.reload()
    assert live.state == "ok"


async def test_a_signal_takes_items_lists_and_the_calendar_too(
    live: LiveSite, tmp_path: Path
) -> None:
    for folder in ("items", "lists", "calendar"):
        (tmp_path / folder).mkdir()
    (tmp_path / "items/a.toml").write_text(format_tables("items", [make_item()]))
    (tmp_path / "lists/a.toml").write_text(
        '[[intermediaries]]\nname = "a"\nuscc = "91140300MA0TE0T12P"\nservice = "b"\n'
        'basis = "c"\nfee = "d"\ncontact = "e"\n'
    )
    calendar = tmp_path / "calendar/2027.toml"
    calendar.write_text(
        'year = 2027\nsource = "s"\n'
        '[[holidays]]\nname = "元旦"\nfirst = 2027-01-01\nlast = 2027-01-01\n'
    )
    counting = live.site.calendar  # who was given it at the start goes by the new table, too
    await live.reload()
    assert live.find("yq-gjj-001") == make_item()
    assert [body.name for body in live.site.intermediaries] == ["a"]
    assert counting.add_working_days(date(2026, 12, 31), 1) == date(2027, 1, 4)
    calendar.write_text("year = 2027")
    await live.reload()
    assert live.state == "stale"
    assert 2027 in counting.tables
