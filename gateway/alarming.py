# SPDX-License-Identifier: Apache-2.0
"""The clerk's duty of alarms: looks at what workers have counted, and keeps what passes.

Rules:

1. An alarm is kept once. What was raised before a restart is still raised after it.
2. It proposes a rung. Only where its rule says `automatic` does it take that, as an incident that
   is recorded in the log like a person's step.
3. Agencies are told as they and their grants are on disk when it acts: no reload reaches the clerk.
   What cannot be read there keeps no alarm back; those who were known last are told.
4. What cannot be kept or recorded now is done at the next look, or by the next clerk; so a step may
   be recorded twice, and never not at all.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final, final

import msgspec
import structlog

from gateway.config import Site, load_agency, load_grants
from gateway.emergency import Emergencies, adapters_of, agencies_of
from gateway.errors import AuditError, SetupError, StoreError
from gateway.model.incident import Alarm
from gateway.model.rung import WHOLE_SITE
from gateway.office.clerk import Duty
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from gateway.supervision.alarm_rules import AlarmRules, Key
from gateway.supervision.load import Load
from gateway.toml_file import toml_files_again

_log = structlog.get_logger()
_WRITE_S: Final = 5.0


def check_alarms(site: Site) -> None:
    """Find rules that could never be judged.

    Raises:
        SetupError: the first mistake, with file and remedy.
    """
    names = set[str]()
    for place, rule in enumerate(site.config.emergency.alarms):
        where = f"gateway.toml: $.emergency.alarms[{place}]"
        if rule.name in names:
            raise SetupError(
                f"the name `{rule.name}` is there twice",
                where=f"{where}.name",
                remedy="give each its own.",
            )
        names.add(rule.name)
        if rule.department not in {None, WHOLE_SITE, *adapters_of(site)}:
            raise SetupError(
                f"there is no adapter `{rule.department}` in use",
                where=f"{where}.department",
                remedy=f"add adapters/{rule.department}.toml, or mend the name.",
            )


@final
class AlarmDuty(Duty):
    """Judges the rules of a site again and again.

    Args:
        store: the office store.
        read_load: the figures as of now.
        on_look: told how many alarms are raised.
    """

    def __init__(
        self,
        site: Site,
        store: OfficeStore,
        *,
        read_load: Callable[[], Load],
        on_look: Callable[[int], None],
    ) -> None:
        self._site: Final = site
        self._as_read = site
        self._emergencies: Final = Emergencies(site, store)
        self._read_load: Final = read_load
        self._on_look: Final = on_look
        self._kept: set[Key] | None = None
        self._rules: AlarmRules | None = None
        self._is_away = False

    async def run(self, quit_event: asyncio.Event) -> None:
        """Look until `quit_event`."""
        while not quit_event.is_set():
            try:
                await self.look()
                self._is_away = False
            except (StoreError, AuditError) as error:
                if not self._is_away:
                    _log.error("alarms cannot be kept now", code=error.code)
                self._is_away = True
            with suppress(TimeoutError):
                async with asyncio.timeout(self._site.config.emergency.look_s):
                    await quit_event.wait()

    async def look(self) -> None:
        """Look once.

        Raises:
            StoreError: an alarm is not known to be kept; it is tried again.
            AuditError: a step is not known to be recorded; it is tried again.
        """
        rules, kept = self._known()
        rules.look(self._read_load())
        for key in [key for key in kept if key not in rules.drafts]:
            if await self._emergencies.alarms.clear(*key, Deadline.after(_WRITE_S)):
                _log.warning("alarm is cleared", rule=key[0], scope=key[1])
            kept.discard(key)
        for key in [key for key in rules.drafts if key not in kept]:
            await self._raise(key, rules)
            kept.add(key)
        self._on_look(len(kept))
        for alarm in self._emergencies.alarms.unrecorded():
            await self._record(alarm)

    def _known(self) -> tuple[AlarmRules, set[Key]]:
        """The rules and what is kept as raised, read from the store at the first look."""
        if self._rules is None or self._kept is None:
            raised = self._emergencies.alarms.list_alarms(is_raised=True)
            self._kept = {(alarm.draft.rule, alarm.draft.scope) for alarm in raised}
            section = self._site.config.emergency
            self._rules = AlarmRules(section.alarms, adapters_of(self._site), raised=self._kept)
        return self._rules, self._kept

    async def _raise(self, key: Key, rules: AlarmRules) -> None:
        draft = rules.drafts[key]
        if draft is None:  # raised before a restart, and kept then
            return
        is_automatic = rules.rules[key].automatic
        alarm = await self._emergencies.alarms.raise_alarm(
            draft,
            Deadline.after(_WRITE_S),
            acts_for=self._told_of(draft.scope) if is_automatic else None,
        )
        if alarm is not None:
            _tell(alarm)

    def _told_of(self, scope: str) -> Collection[str]:
        try:
            self._as_read = _read_again(self._as_read)
        except (SetupError, OSError) as error:
            mistake = error.detail if isinstance(error, SetupError) else error.strerror
            _log.error("agencies and grants not taken, the last good ones stay", error=mistake)
        return agencies_of(self._as_read, scope)

    async def _record(self, alarm: Alarm) -> None:
        assert alarm.incident is not None  # else it did nothing
        incident = self._emergencies.incidents.show(alarm.incident)
        deadline = Deadline.after(_WRITE_S)
        await self._emergencies.record(incident, "alarm", deadline)
        await self._emergencies.alarms.note_recorded(alarm.id, deadline)


def _read_again(site: Site) -> Site:
    """The site with agencies and grants as they are on disk now.

    Raises:
        SetupError: a file cannot be used, or all files of a folder are away.
        OSError: a folder cannot be read.
    """
    folder = site.folder
    agencies = toml_files_again(folder, "agencies", had_some=bool(site.agencies))
    grants = toml_files_again(folder, "grants", had_some=bool(site.grants))
    return msgspec.structs.replace(
        site,
        agencies=tuple(load_agency(file, folder) for file in agencies),
        grants=tuple(grant for file in grants for grant in load_grants(file, folder)),
    )


def _tell(alarm: Alarm) -> None:
    draft = alarm.draft
    _log.error(
        "alarm is raised",
        rule=draft.rule,
        scope=draft.scope,
        figure=draft.figure,
        value=draft.value,
        threshold=draft.threshold,
        proposes=draft.proposes,
        incident=alarm.incident,
    )
