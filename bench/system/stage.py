# SPDX-License-Identifier: Apache-2.0
"""One start of the gateway, its floor and its peers, each pinned to its core, answers verified."""

import asyncio
import importlib.util
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from bench.system.processor import cores, pin
from bench.system.requests import Writer, signed_writer, token_writer, warm_bodies
from bench.system.target import P256, Target, WrongAnswer, agency_signer, ask, gateway_target
from bench.system.world import BenchWorld
from fixtures.world import KEYIDS, Process, World
from gateway.client import GatewayClient
from gateway.crypto.digest import b64url_decode
from gateway.crypto.keys import keyid_of, load_verifier
from gateway.model.agency import Algorithm

HERE: Final = Path(__file__).parent
_FASTAPI: Final = ("fastapi", "uvicorn", "jwt", "httptools")
_MESSAGES: Final = {
    "fastapi": "not installed: `make bench` installs the group `bench`",
    "node": "there is no `node` here: on Debian, `apt install nodejs`",
}


class Stage:
    """Everything that answers, started once.

    Args:
        folder: empty, with a short path.
        with_peers: whether the peers are started beside gateway and floor.

    Attributes:
        absent: peers that are left out, with the reason.
    """

    def __init__(self, folder: Path, *, with_peers: bool) -> None:
        self.world: Final = BenchWorld(folder)
        self.absent: Final[dict[str, str]] = {}
        self._folder: Final = folder
        self._with_peers: Final = with_peers
        self._running: Final[dict[str, tuple[Process, int]]] = {}
        self._stack: Final = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._stack.enter_context(self.world)
            pin_gateway(self.world)
            target = gateway_target(self.world)
            target.warm()
            self._write_answer(target)
            self._start({"floor": self._floor()} | (self._peers() if self._with_peers else {}))
            self.check()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def gateway(self, algorithm: Algorithm = P256) -> Target:
        """The gateway, asked under a key of this algorithm."""
        return gateway_target(self.world, algorithm)

    def floor(self, algorithm: Algorithm = P256) -> Target:
        """The floor, asked the same."""
        return self._signed("floor", algorithm)

    def peers(self) -> list[Target]:
        """Those that run."""
        found = [self._signed("node")] if "node" in self._running else []
        if "fastapi" in self._running:
            process, port = self._running["fastapi"]
            write = token_writer(agency_signer(self.world), f"127.0.0.1:{port}")
            found.insert(0, _peer("fastapi", port, process, write, self.world))
        return found

    def check(self) -> None:
        """Verify an answer of each server in full.

        Raises:
            WrongAnswer: it is not what was asked for.
            TrustError: its signature does not verify.
        """
        asyncio.run(self._check_signed(self.world.url, ("ecdsa-p256-sha256", "ed25519")))
        for name, (_, port) in self._running.items():
            if name == "fastapi":
                self._check_token()
            else:
                algorithms = (P256,) if name == "node" else tuple(KEYIDS)
                asyncio.run(self._check_signed(f"http://127.0.0.1:{port}", algorithms))

    async def _check_signed(self, url: str, algorithms: Sequence[Algorithm]) -> None:
        """Floor and Node peer answer under the gateway's key, so its client verifies theirs too."""
        citizen = self.world.citizens[0]
        pem = (self.world.site / "keys/gateway.pub.pem").read_text()
        for algorithm in algorithms:
            signer = agency_signer(self.world, algorithm)
            async with GatewayClient(url, signer=signer, gateway_key=pem) as client:
                said = (await client.lookup(self.world.request(citizen.id_number))).answer
            if said.fields.get("name") != citizen.name:
                raise WrongAnswer(f"{url} answers about somebody else")

    def _check_token(self) -> None:
        (target,) = (peer for peer in self.peers() if peer.name == "fastapi")
        (token,) = ask(target.port, [target.write(target.bodies[0], int(time.time()))])
        signed, _, value = token.decode().rpartition(".")
        pem = (self.world.site / "keys/gateway.pub.pem").read_text()
        load_verifier(pem, P256).verify(b64url_decode(value), signed.encode())
        said: dict[str, Any] = msgspec.json.decode(b64url_decode(signed.partition(".")[2]))
        if said["fields"]["name"] != self.world.citizens[0].name:
            raise WrongAnswer("the FastAPI peer answers about somebody else")

    def _signed(self, name: str, algorithm: Algorithm = P256) -> Target:
        process, port = self._running[name]
        write = signed_writer(agency_signer(self.world, algorithm), f"127.0.0.1:{port}")
        peer = _peer(name, port, process, write, self.world)
        return msgspec.structs.replace(peer, algorithm=algorithm)

    def _start(self, processes: Mapping[str, Process]) -> None:
        """Start them side by side, and put each on the servers' core."""
        with ThreadPoolExecutor() as pool:
            said = pool.map(Process.start, processes.values())
            for name, process in processes.items():
                self._stack.callback(process.stop)
                self._running[name] = process, next(said)["port"]
                pin([process.pid], cores()[0])

    def _peers(self) -> dict[str, Process]:
        """Those that can be had."""
        found = {}
        if all(importlib.util.find_spec(module) for module in _FASTAPI):
            found["fastapi"] = self._fastapi()
        else:
            self.absent["fastapi"] = _MESSAGES["fastapi"]
        if (node := shutil.which("node")) is not None:
            found["node"] = self._node(node)
        else:
            self.absent["node"] = _MESSAGES["node"]
        return found

    def _write_answer(self, target: Target) -> None:
        """What the others answer: the gateway's own bytes, so that all send as many."""
        (body,) = ask(target.port, [target.write(target.bodies[0], int(time.time()))])
        self._answer.write_bytes(body)

    @property
    def _answer(self) -> Path:
        return self._folder / "answer.json"

    @property
    def _receipt(self) -> str:
        return 'log="gateway.yq.example/log", index=123456'

    def _floor(self) -> Process:
        keys = [
            f"--key={keyid}:{algorithm}:{self._public(algorithm)}"
            for algorithm, keyid in KEYIDS.items()
        ]
        return self._process(
            "floor", "bench.system.floor", *keys, f"--signing-key={self._signing_key}",
            f"--answer={self._answer}", f"--receipt={self._receipt}",
        )  # fmt: skip

    def _fastapi(self) -> Process:
        return self._process(
            "fastapi", "bench.system.peers.fastapi_peer", f"--key={self._public()}",
            f"--signing-key={self._signing_key}", f"--answer={self._answer}",
            f"--log={self._folder / 'fastapi.sqlite'}",
        )  # fmt: skip

    def _node(self, node: str) -> Process:
        signing_keyid = keyid_of("gateway", self._signing_key.with_suffix(".pub.pem").read_text())
        arguments = (
            str(HERE / "peers/node_peer.mjs"), KEYIDS[P256], str(self._public()), signing_keyid,
            str(self._signing_key), str(self._answer), self._receipt,
            str(self._folder / "node.log"),
        )  # fmt: skip
        return Process("node", arguments, self.world.logs / "node.log", program=(node,))

    def _process(self, name: str, *arguments: str) -> Process:
        return Process(name, arguments, self.world.logs / f"{name}.log")

    def _public(self, algorithm: Algorithm = P256) -> Path:
        return self.world.agency_key(algorithm).with_suffix(".pub.pem")

    @property
    def _signing_key(self) -> Path:
        return self.world.site / "keys/gateway.pem"


def _peer(name: str, port: int, process: Process, write: Writer, world: BenchWorld) -> Target:
    return Target(name, port, (process.pid,), write, warm_bodies(world), forgets=True)


def pin_gateway(world: World, *worker_cores: int) -> None:
    """Put the worker on the servers' core and everything else on the other.

    Args:
        worker_cores: one for each worker, and then everything else may run on all of them.
    """
    first, second = cores()
    others = (first, second) if worker_cores else (second,)
    left = list(worker_cores)
    for name, pid in world.pids().items():
        if name.startswith("worker"):
            pin([pid], left.pop(0) if left else first)
        else:
            pin([pid], *others)
    pin([world.gateway.pid, world.public_security.pid], *others)
