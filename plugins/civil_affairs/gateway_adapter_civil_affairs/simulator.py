# SPDX-License-Identifier: Apache-2.0
"""A marriage office to try the adapter with: a real HTTP server over synthetic acts."""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from gateway.sdk.kits.signin import TifSignIn
from gateway.sdk.kits.simulator_http import Answer, HttpSimulator, Options, json_answer, options
from gateway_adapter_civil_affairs.adapter import BOTH_PATH, ONE_PATH

#: As the framework assigned it to the demo's gateway.
APP: Final = "yizheng-demo"
_AGREES, _DIFFERS, _NO_RECORD = "1", "0", "2"


class Question(msgspec.Struct, frozen=True):
    """As far as the office needs it; who asks is for its log."""

    data: dict[str, str]


class Office:
    """The service."""

    def __init__(self, given: Options) -> None:
        self._acts: Final = sorted(given.records, key=lambda act: act["op_date"])
        self._http: Final = HttpSimulator(
            given,
            TifSignIn(APP, given.secret),
            unsigned=lambda: json_answer({"head": {"code": "-5"}}),
        )
        self._http.health("/hydj/health", {"head": {"code": "0"}})
        self._http.answer("/hydj/query", self._query)
        self._http.answer(ONE_PATH, self._verify_one)
        self._http.answer(BOTH_PATH, self._verify_both)

    def run(self) -> None:
        """Serve until told to stop."""
        self._http.run()

    def _query(self, body: bytes) -> Answer:
        number = _question(body)["zjhm"]
        found = [format_act(act, number) for act in self._acts_of(number)]
        return _reply({"cxjg": found}, total=len(found))

    def _verify_one(self, body: bytes) -> Answer:
        question = _question(body)
        return _verdict(self._acts_of(question["zjhm"]), question["ywlx"])

    def _verify_both(self, body: bytes) -> Answer:
        """The newest act of each has to be of the two, whoever else they were married to."""
        question = _question(body)
        man, woman = question["nf"], question["nv"]
        together = [act for act in self._acts_of(man) if act["cert_num_woman"] == woman]
        newest = [self._acts_of(number)[-1:] for number in (man, woman)]
        if together and newest != [together[-1:], together[-1:]]:
            return _reply({"jg": _DIFFERS})
        return _verdict(together, question["ywlx"])

    def _acts_of(self, number: str) -> list[dict[str, Any]]:
        return [act for act in self._acts if number in {act["cert_num_man"], act["cert_num_woman"]}]


def format_act(act: Mapping[str, Any], number: str) -> dict[str, object]:
    """An act as the office writes it, with the party that was asked about."""
    sides = {side: _party(act, side) for side in ("man", "woman")}
    asked = next(party for party in sides.values() if party["zjhm"] == number)
    return {
        "cxr": {"zjhm": asked["zjhm"], "xm": asked["xm"]},
        "ywlx": act["op_type"],
        "djrq": act["op_date"].replace("-", ""),
        "zzh": act["cert_no"],
        "djjgdm": act["dept_code"],
        "djjg": act["dept_name"],
        "nf": sides["man"],
        "nv": sides["woman"],
    }


def _party(act: Mapping[str, Any], side: str) -> dict[str, str]:
    return {
        "xm": act[f"name_{side}"],
        "zjhm": act[f"cert_num_{side}"],
        "csrq": act[f"birth_{side}"].replace("-", ""),
        "gj": act[f"nation_{side}"],
    }


def _question(body: bytes) -> dict[str, str]:
    return msgspec.json.decode(body, type=Question).data


def _verdict(acts: Iterable[Mapping[str, Any]], kind: str) -> Answer:
    newest = max(acts, key=lambda act: act["op_date"], default=None)
    if newest is None:
        return _reply({"jg": _NO_RECORD})
    return _reply({"jg": _AGREES if newest["op_type"] == kind else _DIFFERS})


def _reply(content: object, total: int = 1) -> Answer:
    return json_answer({"head": {"code": "0", "msg": "ok", "total": total}, "data": content})


def main() -> None:
    """`python -m gateway_adapter_civil_affairs.simulator`."""
    given, _ = options(argparse.ArgumentParser(description="A simulated marriage office."))
    Office(given).run()


if __name__ == "__main__":
    main()
