# SPDX-License-Identifier: Apache-2.0
"""The cached query at saturation: the gateway beside its floor and its peers, in turns."""

from collections.abc import Sequence

from bench.system.ratios import adjacent_ratios
from bench.system.run import Run
from bench.system.shot import Shot
from bench.system.stage import Stage
from bench.system.target import Target
from gateway.model.agency import Algorithm


def measure(run: Run, stage: Stage) -> None:
    """P-256: floor, gateway, peers; what the sequencer spends meanwhile."""
    floor, gateway, peers = stage.floor(), stage.gateway(), stage.peers()
    for name, reason in stage.absent.items():
        run.findings.note(f"{name} peer left out: {reason}")
    shots = _in_turns(run, [floor, gateway, *peers], run.sizes.rounds)
    _compare(run, shots, "p256")
    for peer in peers:
        ratios = adjacent_ratios(_rates(shots), "gateway", peer.name)
        run.findings.add(f"throughput_vs_{peer.name}", ratios)
    for shot in shots:
        _tell_figures(run, shot, "p256")
    run.findings.add(
        "sequencer_us_per_entry", [shot.keeper_us for shot in shots if shot.target == "gateway"]
    )


def measure_ed25519(run: Run, stage: Stage) -> None:
    """The same with requests under Ed25519; answers are signed under P-256 as ever."""
    key: Algorithm = "ed25519"
    shots = _in_turns(run, [stage.floor(key), stage.gateway(key)], run.sizes.side_rounds)
    _compare(run, shots, "ed25519")
    for shot in shots:
        _tell_figures(run, shot, "ed25519")


def _in_turns(run: Run, targets: Sequence[Target], rounds: int) -> list[Shot]:
    """Rounds of all, and the first once more, so that each has it on both sides."""
    for target in targets:
        target.warm()
    order = [*list(targets) * rounds, targets[0]]
    return [run.gun.saturate(target, run.sizes.shot_s) for target in order]


def _rates(shots: Sequence[Shot]) -> list[tuple[str, float]]:
    return [(shot.target, shot.per_s) for shot in shots]


def _compare(run: Run, shots: Sequence[Shot], key: str) -> None:
    spent = [(shot.target, shot.cpu_us) for shot in shots]
    ratios = adjacent_ratios(_rates(shots), "gateway", "floor")
    run.findings.add(f"throughput_vs_floor_{key}", ratios)
    run.findings.add(f"cpu_vs_floor_{key}", adjacent_ratios(spent, "gateway", "floor"))


def _tell_figures(run: Run, shot: Shot, key: str) -> None:
    name = f"{shot.target}_{key}"
    run.findings.add(f"{name}_per_s", [shot.per_s])
    run.findings.add(f"{name}_cpu_us", [shot.cpu_us])
    run.findings.add(f"{name}_saturated_p50_ms", [shot.p50_ms])
    run.findings.add(f"{name}_saturated_p99_ms", [shot.p99_ms])
