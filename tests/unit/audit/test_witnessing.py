# SPDX-License-Identifier: Apache-2.0
"""What the notary makes of a witness that is broken, or lies."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gateway.audit.outside import MAX_ANSWER_BYTES, open_session
from gateway.audit.witnessing import WitnessClient
from gateway.crypto.keys import generate_private_key
from gateway.errors import AuditError, TrustError
from gateway.tlog.cosignature import sign_cosignature
from gateway.tlog.note import COSIGNER_KEY, NoteSigner
from gateway.tlog.submission import SIZE_TYPE, Submission, parse_submission
from tests.unit.witness.logs import WITNESS, MemoryLog

LOG = MemoryLog(70)
NOTE = LOG.note(70)
OTHER = NoteSigner.from_pem("witness.example/w1", generate_private_key("ed25519"), COSIGNER_KEY)

Say = Callable[[Submission], web.Response]


@asynccontextmanager
async def asking(say: Say) -> AsyncIterator[WitnessClient]:
    async def answer(request: web.BaseRequest) -> web.Response:
        assert (request.method, request.path) == ("POST", "/prefix/add-checkpoint")
        return say(parse_submission(await request.read()))

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with open_session() as session:
            url = f"http://{host}:{port}/prefix/"
            yield WitnessClient(url, WITNESS.public, session, LOG.proof)
    finally:
        await runner.cleanup()


def cosigned(note: bytes = NOTE, signer: NoteSigner = WITNESS, time_s: int = 7) -> bytes:
    return f"{sign_cosignature(note, signer, time_s)}\n".encode()


def conflict(body: bytes, content_type: str = SIZE_TYPE) -> web.Response:
    return web.Response(status=409, body=body, headers={"Content-Type": content_type})


async def test_a_conflict_tells_where_the_proof_starts_and_is_remembered() -> None:
    asked: list[int] = []

    def say(submission: Submission) -> web.Response:
        asked.append(submission.old_size)
        if submission.old_size not in {42, 70}:
            return conflict(b"42\n")
        assert submission.proof == tuple(LOG.proof(submission.old_size, 70))
        return web.Response(body=cosigned())

    async with asking(say) as witness:
        line, time_s = await witness.cosign(70, NOTE)
        assert (f"{line}\n".encode(), time_s) == (cosigned(), 7)
        await witness.cosign(70, NOTE)
    assert asked == [0, 42, 70]


async def test_lines_of_unknown_keys_are_ignored() -> None:
    async with asking(lambda _: web.Response(body=cosigned(signer=OTHER) + cosigned())) as witness:
        line, _ = await witness.cosign(70, NOTE)
    assert f"{line}\n".encode() == cosigned()


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(body=b""),
        lambda: web.Response(body=b"\xff\n"),
        lambda: web.Response(body=b"hello\n"),
        lambda: web.Response(body=cosigned(signer=OTHER)),
        lambda: web.Response(body=cosigned(LOG.note(69))),
        lambda: web.Response(status=400),
        lambda: web.Response(status=403),
        lambda: web.Response(status=404),
        lambda: web.Response(status=422),
        lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
        lambda: conflict(b"0\n"),  # what it was asked from
        lambda: conflict(b"71\n"),  # a longer log than ours
        lambda: conflict(b"042\n"),
        lambda: conflict(b"42\n", "text/plain"),
    ],
)
async def test_an_answer_that_proves_nothing_is_not_believed(
    answer: Callable[[], web.Response],
) -> None:
    async with asking(lambda _: answer()) as witness:
        with pytest.raises(TrustError):
            await witness.cosign(70, NOTE)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_witness_with_a_fault_is_away(status: int) -> None:
    async with asking(lambda _: web.Response(status=status)) as witness:
        with pytest.raises(AuditError):
            await witness.cosign(70, NOTE)


async def test_a_witness_that_tells_another_size_each_time_is_left_alone() -> None:
    sizes: list[int] = []

    def say(submission: Submission) -> web.Response:
        sizes.append(submission.old_size)
        return conflict(b"%d\n" % (submission.old_size + 1))

    async with asking(say) as witness:
        with pytest.raises(AuditError):
            await witness.cosign(70, NOTE)
    assert sizes == [0, 1, 2]


async def test_too_long_an_answer_is_not_read_to_its_end() -> None:
    async with asking(lambda _: web.Response(body=bytes(2 * MAX_ANSWER_BYTES))) as witness:
        with pytest.raises(AuditError, match="too long"):
            await witness.cosign(70, NOTE)
