# SPDX-License-Identifier: Apache-2.0
"""The fuzzed functions hold for their seeds, for parts of them, and see what they are there for."""

import pytest

from gateway.exchange.body import parse_lookup
from gateway.explain.capture import parse_capture
from gateway.httpsig.sfv import parse_dictionary
from gateway.model.agency_file import parse_agency
from gateway.tlog.bundle import parse_bundle
from gateway.tlog.note import parse_note, parse_vkey
from gateway.tlog.policy import parse_policy
from gateway.tlog.proof import parse_proof
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, fuzz_body

SEEDS = seeds()


def test_every_target_has_seeds() -> None:
    assert SEEDS.keys() == TARGETS.keys()


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_for_its_seeds_and_for_what_is_left_of_them(name: str) -> None:
    for seed in SEEDS[name]:
        for end in range(0, len(seed) + 1, 1 + len(seed) // 100):
            TARGETS[name](seed[:end])
            TARGETS[name](seed[:end] + b"\x00\xff" + seed[end:])
        TARGETS[name](seed)


def test_seeds_are_accepted_so_that_a_fuzzer_starts_behind_the_first_check() -> None:
    for seed in SEEDS["fields"]:
        assert parse_dictionary(seed.decode().split("\n"), field="f")
    for seed in SEEDS["body"]:
        parse_lookup(seed)
    for seed in SEEDS["note"]:
        parse_note(seed)
    proof, bundle, policy = SEEDS["proof"]
    parse_proof(proof)
    parse_bundle(bundle)
    parse_policy(policy)
    for seed in SEEDS["capture"]:
        parse_capture(seed, name="capture", read_file=lambda _: b"")
    for seed in SEEDS["agency"]:
        parse_agency(seed.decode())
    parse_vkey(SEEDS["names"][-1].decode())


def test_a_target_fails_when_the_parser_lets_pass_what_it_must_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repeated = SEEDS["body"][0].replace(b'{"holder"', b'{"certificate":"a.b","holder"', 1)
    fuzz_body(repeated)
    monkeypatch.setattr("gateway.exchange.body._refuse_repeated", lambda *_: None)
    with pytest.raises(AssertionError):
        fuzz_body(repeated)
