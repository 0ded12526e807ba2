# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.system`: run the benchmark and write what it found.

Exit codes: 0 it ran, whatever the figures; 1 a server gave a wrong answer; 2 wrong usage.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from bench.system import machine
from bench.system.plot import draw
from bench.system.processor import Patience, cores
from bench.system.report import format_report, show_table
from bench.system.results import Results, split, write_results
from bench.system.run import FULL, QUICK, Run
from bench.system.scenarios import (
    bad_adapter,
    cache,
    entries,
    half_load,
    hit,
    hung_department,
    invalidation,
    materials,
    miss,
    overload,
    slow_body,
    stampede,
    two_workers,
)
from bench.system.shot import Gun, find_load
from bench.system.stage import Stage
from bench.system.target import WrongAnswer
from gateway.errors import GatewayError

FOLDER: Final = Path(__file__).parents[1]
#: Measured at each start of the servers, in this order.
EACH_START: Final[dict[str, Callable[[Run, Stage], None]]] = {
    "hit": hit.measure,
    "half_load": half_load.measure,
    "ed25519": hit.measure_ed25519,
    "miss": miss.measure,
    "kinds": miss.measure_kinds,
    "entries": entries.measure,
    "two_workers": two_workers.measure,
}
#: Measured once, at the last start.
ONCE: Final[dict[str, Callable[[Run, Stage], None]]] = {
    "overload": overload.measure,
    "stampede": stampede.measure,
    "invalidation": invalidation.measure,
    "hung_department": hung_department.measure,
    "slow_body": slow_body.measure,
    "bad_adapter": bad_adapter.measure,
    "materials": materials.measure,
}
NAMES: Final = (*EACH_START, *ONCE, "cache")
_WITH_PEERS: Final = "hit"
#: Seconds for which a run waits in all until others leave the machine alone.
_PATIENCE_S: Final = {"full": 240.0, "quick": 5.0}


def measure(run: Run, names: Sequence[str]) -> None:
    """Run these scenarios."""
    for start in range(run.sizes.starts):
        is_last = start == run.sizes.starts - 1
        chosen = {**EACH_START, **(ONCE if is_last else {})}
        due = [name for name in chosen if name in names]
        if not due:
            continue
        folder = run.folder / f"{start}"
        folder.mkdir()
        run.tell(f"start {start + 1} of {run.sizes.starts}")
        with Stage(folder, with_peers=_WITH_PEERS in due) as stage:
            for name in due:
                began_s = time.monotonic()
                try:
                    chosen[name](run, stage)
                except WrongAnswer as error:  # what the others found is not lost for it
                    run.failures.append(f"{name}: a shot was wrong: {error}")
                run.tell(f"  {name}: {time.monotonic() - began_s:.1f} s")
            stage.check()
        shutil.rmtree(folder)
    if "cache" in names:
        run.tell("cache")
        cache.measure(run)


def conclude(run: Run) -> Results:
    """Make the results of what was found."""
    for failure in run.failures:
        run.findings.note(failure)
    if count := run.gun.patience.disturbed_count:
        run.findings.note(
            f"{count} shots count although others used the machine: it did not become idle"
        )
    ratios, figures = split(spreads := run.findings.spreads())
    first, second = cores()
    return Results(
        date=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        commit=machine.commit(),
        mode=run.sizes.mode,
        machine=machine.describe(
            run.folder, {"pinning": f"servers on core {first}, load and sequencer on core {second}"}
        ),
        load_generator=run.gun.load,
        ratios=ratios,
        figures=figures,
        spread=spreads,
        notes=run.findings.notes,
    )


def publish(results: Results, folder: Path) -> None:
    """Write the results, the picture and the page."""
    write_results(folder / "results/latest.json", results)
    (folder / "results/latest.svg").write_text(draw(results))
    (folder / "RESULTS.md").write_text(format_report(results))


def main() -> int:
    """Parse options, run, write."""
    options = _options()
    sizes = QUICK if options.quick else FULL
    if options.rounds is not None:
        sizes = msgspec.structs.replace(sizes, rounds=options.rounds, side_rounds=options.rounds)
    if options.starts is not None:
        sizes = msgspec.structs.replace(sizes, starts=options.starts)
    os.sched_setaffinity(0, {cores()[1]})
    gun = Gun(options.load or find_load(), Patience(_PATIENCE_S[sizes.mode]))
    folder = Path(tempfile.mkdtemp(prefix="yz-", dir=options.folder))
    run = Run(sizes, gun, folder)
    try:
        measure(run, options.only or NAMES)
        results = conclude(run)
    except (WrongAnswer, GatewayError) as error:
        print(f"a shot was wrong: {error}", file=sys.stderr)
        return 1
    finally:
        gun.close()
        shutil.rmtree(folder, ignore_errors=True)
    if not options.only:
        publish(results, FOLDER)
    for failure in run.failures:
        print(failure, file=sys.stderr)
    if options.json:
        sys.stdout.buffer.write(msgspec.json.encode(results) + b"\n")
    else:
        show_table(results, Console())
    return 1 if run.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.system",
        description="The gateway beside its floor and its peers, in turns.",
        epilog="Example: python -m bench.system --only hit --rounds 5. With --only, nothing is "
        "written: bench/RESULTS.md and bench/results/ hold whole runs.",
    )
    parser.add_argument("--quick", action="store_true", help="a minute, with few short rounds")
    parser.add_argument("--only", action="append", choices=NAMES, help="one scenario; repeatable")
    parser.add_argument("--rounds", type=int, help="rounds for each start of the servers")
    parser.add_argument("--starts", type=int, help="of all servers")
    parser.add_argument("--load", choices=("wrk", "asyncio"), help="instead of what is found")
    parser.add_argument(
        "--folder", type=Path, default=Path("/tmp"),
        help="where sites and logs lie: a short path, on the disk that is to be measured",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="results on stdout as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
