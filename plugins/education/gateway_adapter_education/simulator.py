# SPDX-License-Identifier: Apache-2.0
"""A degree register to try the declaration with: a real HTTP server over synthetic graduates."""

import argparse
from typing import Any, Final

import msgspec

from gateway.sdk.kits.signin import IrsSignIn
from gateway.sdk.kits.simulator_http import Answer, HttpSimulator, Options, json_answer, options

#: As the register assigned it to the demo's gateway.
ACCESS_KEY: Final = "yizheng-demo"
_MAX_SKEW_MS: Final = 90_000
_SEXES: Final = {"1": "男", "2": "女"}
_RESULTS: Final = {"毕业": 1, "结业": 2, "肄业": 3}


class Question(msgspec.Struct, frozen=True):
    """As far as the register needs it; who asks is for its log."""

    zjhm: str


class Register:
    """The service."""

    def __init__(self, given: Options) -> None:
        self._records: Final = {
            record["id_number"]: format_degree(record) for record in given.records
        }
        self._http: Final = HttpSimulator(
            given,
            IrsSignIn(ACCESS_KEY, given.secret),
            unsigned=lambda: json_answer({"code": 401001}),
            max_skew_ms=_MAX_SKEW_MS,
        )
        self._http.health("/health", {"status": "UP"})
        self._http.answer("/api/v1/degrees/query", self._answer)

    def run(self) -> None:
        """Serve until told to stop."""
        self._http.run()

    def _answer(self, body: bytes) -> Answer:
        question = msgspec.json.decode(body, type=Question)
        record = self._records.get(question.zjhm)
        if record is None:
            return json_answer({"code": 404001, "message": "无记录"})
        return json_answer({"code": 200, "data": {"list": [record]}})


def format_degree(record: dict[str, Any]) -> dict[str, object]:
    """A record as the register writes it."""
    year, month, day = record["birth_date"].split("-")
    return {
        "zjhm": record["id_number"],
        "xm": record["name"],
        "xb": _SEXES[record["sex_code"]],
        "csrq": f"{year}年{month}月{day}日",
        "yxmc": record["school_name"],
        "yxdm": record["school_code"],
        "cc": record["level"],
        "xllb": record["category"],
        "xxxs": record["study_mode"],
        "zymc": record["major"],
        "rxrq": record["enrolled_on"].replace("-", ""),
        "byrq": record["graduated_on"].replace("-", ""),
        "bjyjl": _RESULTS[record["result"]],
        "zsbh": record["certificate_no"],
        "xzxm": record["president"],
    }


def main() -> None:
    """`python -m gateway_adapter_education.simulator`."""
    given, _ = options(argparse.ArgumentParser(description="A simulated degree register."))
    Register(given).run()


if __name__ == "__main__":
    main()
