# SPDX-License-Identifier: Apache-2.0
"""What a worker needs for supervision: who may come, the books, and who reckons from the log."""

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Final, final

import msgspec

from gateway import keyring
from gateway.admission.auditors import AuditorDoor
from gateway.admission.departments import DepartmentDoor
from gateway.admission.signer_door import OpenDoor
from gateway.admission.standings import StandingDoor
from gateway.audit.acts import SignedActs
from gateway.audit.cases import CaseActs
from gateway.audit.client import SequencerClient
from gateway.config import Site
from gateway.emergency import Emergencies, Scopes
from gateway.errors import StoreError
from gateway.matter_port import Reckoner
from gateway.model.matter import Replay
from gateway.model.reckoning import FigureWanted, Reckoned, ReplayWanted, Wanted
from gateway.model.supervised import FOLDER
from gateway.office.store import OfficeStore
from gateway.ports import Epochs, RateLimits
from gateway.registry.directory import Departments
from gateway.reload import LiveSite
from gateway.sdk import Deadline
from gateway.supervising import Supervision
from gateway.supervision.desk import SupervisionDesk
from gateway.supervision.emergency_desk import EmergencyDesk
from gateway.web.front import Folder
from gateway.web.names import default_port
from gateway.web.respond import Responder
from gateway.web.signed_reads import SignedReads
from gateway.web.supervision import SupervisionPages

#: A replay takes a process, and an index that may lag behind: longer than a lookup may take.
_DEADLINE_S: Final = 30.0
#: Of that, for the index.
_PATIENCE_S: Final = 15.0
#: And for the record at the end.
_RECORD_RESERVE_S: Final = 5.0

_parse: Final = msgspec.json.Decoder(Reckoned).decode


@final
class ReckonerBeside(Reckoner):
    """Starts a process for each question, one at a time in a worker."""

    def __init__(self, site: Site) -> None:
        self._site: Final = site
        self._alone: Final = asyncio.Lock()

    async def replay(self, wanted: ReplayWanted, deadline: Deadline) -> Replay:
        """What the log knows about a demand."""
        replay = (await self._ask(wanted, deadline)).replay
        if replay is None:
            raise StoreError("INDEX_UNAVAILABLE")
        return replay

    async def figure(self, wanted: FigureWanted, deadline: Deadline) -> float | None:
        """A department's figure; None where it was not asked."""
        return (await self._ask(wanted, deadline)).figure

    async def _ask(self, wanted: Wanted, deadline: Deadline) -> Reckoned:
        try:
            async with asyncio.timeout(max(0.0, deadline.remaining_s - _RECORD_RESERVE_S)):
                async with self._alone:
                    answer = await self._run(msgspec.json.encode(wanted))
        except (TimeoutError, OSError, msgspec.MsgspecError):
            raise StoreError("INDEX_UNAVAILABLE", "nothing was reckoned in time") from None
        if answer.code:
            raise StoreError(answer.code, answer.detail)
        return answer

    async def _run(self, question: bytes) -> Reckoned:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "gateway.reckoning"),
            *(str(self._site.folder), str(_PATIENCE_S)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            said, _ = await process.communicate(question)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return _parse(said)


class Overseeing:
    """One worker's.

    Args:
        store: the office store.
        departments: of this worker.
        clock: aware UTC now.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.
    """

    def __init__(
        self,
        site: Site,
        live: LiveSite,
        store: OfficeStore,
        audit: SequencerClient,
        departments: Departments,
        *,
        epochs: Epochs,
        clock: Callable[[], datetime],
        nonce_life_s: int,
    ) -> None:
        self._site: Final = site
        self._live: Final = live
        self._store: Final = store
        self._departments: Final = departments
        self._cipher: Final = keyring.office_cipher(site)
        self._reckoner: Final = ReckonerBeside(site)
        self._clock: Final = clock
        self._changes: Final = CaseActs(
            audit, epochs=epochs, clock=clock, nonce_life_s=nonce_life_s
        )
        self._reads: Final = SignedActs(audit, clock=clock, nonce_life_s=nonce_life_s)

    def folders(
        self, open_door: OpenDoor, limits: RateLimits, responder: Responder
    ) -> dict[str, Folder]:
        """What the front desk has to know, by path."""
        config, live = self._site.config, self._live
        is_x509_required = config.http.client_x509 == "required"
        door = StandingDoor(
            live.identify,
            DepartmentDoor(self._site.folder, open_door),
            AuditorDoor(self._site.folder, open_door),
        )
        pages = SupervisionPages(
            door.identify,
            self._desk,
            self._emergencies,
            applicant_of=lambda agency, case: self._books().applicant_of(agency, case),
            reads=SignedReads(
                identify=live.identify,
                acts=self._reads,
                limits=limits,
                responder=responder,
                x509_required=is_x509_required,
                deadline_s=config.lookup.deadline_s,
                default_port=default_port(config.http),
            ),
            log=self._changes,
            limits=limits,
            responder=responder,
            x509_required=is_x509_required,
            deadline_s=_DEADLINE_S,
            default_port=default_port(config.http),
        )
        return {FOLDER: pages}

    def _books(self) -> Supervision:
        """Over the site as last read."""
        return Supervision(self._live.site, self._store, self._cipher)

    def _desk(self) -> SupervisionDesk:
        books = self._books()
        return SupervisionDesk(
            books,
            matters=books.matters,
            findings=books.findings,
            evaluations=books.evaluations,
            reckoner=self._reckoner,
            clock=self._clock,
        )

    def _emergencies(self) -> EmergencyDesk:
        site = self._live.site
        books = Emergencies(site, self._store)
        return EmergencyDesk(
            Scopes(site, self._departments), incidents=books.incidents, alarms=books.alarms
        )
