# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit verify`: the log from its entries, and whatever else must agree with it."""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table, read_named

if TYPE_CHECKING:
    from gateway.audit.store.reader import LogReader
    from gateway.audit.verify import Report
    from gateway.audit.verify_vouchers import Vouchers
    from gateway.config import Site


def verify(
    site: SiteOption = Path(),
    vkey: Annotated[
        Path | None, typer.Option(help="The log's verifier key; default keys/log.vkey of the site.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint that was kept elsewhere. May be repeated."),
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare the search index with the log, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Derive the whole log again from its entries and compare with every checkpoint.

    Signatures of acts, witnesses and timestamps are verified as well. Exit code 4 when anything
    does not hold; the first bad record is named.

    Example: `yizheng audit verify --site my-site --against checkpoint-2026-11-01 --deep`
    """
    from gateway.audit.store.reader import LogReader
    from gateway.audit.verify import verify_log
    from gateway.audit.verify_acts import ActSignatures
    from gateway.cli.audit_keep import open_retention
    from gateway.cli.progress import Progress
    from gateway.config import load_site
    from gateway.keyring import log_verifier, read_verifier

    loaded = load_site(site)
    key = read_verifier(vkey) if vkey else log_verifier(loaded)
    kept = [read_named(path, "a signed checkpoint") for path in against or ()]
    acts = ActSignatures(loaded.auditors, loaded.agencies, loaded.departments)
    with ExitStack() as stack:
        reader = stack.enter_context(closing(LogReader.open(loaded.state / "audit")))
        index, indexed = _begin_index(loaded, stack) if deep else (None, 0)
        progress = stack.enter_context(
            Progress("verify", shown=sys.stderr.isatty() and not as_json)
        )
        report = verify_log(
            reader,
            key,
            against=kept,
            check_act=acts.check,
            form_from=indexed,
            progress=progress.update,
        )
        vouchers = _verify_vouchers(loaded, reader)
        compared = index() if index else None
    with open_retention(loaded) as retention:
        unfinished = retention.unfinished()
    facts = _facts(report, vouchers)
    facts |= {"acts": acts.count, "indexed": compared, "unfinished_erasures": unfinished}
    if as_json:
        print_json({"verified": True, **facts})
    else:
        facts["unfinished_erasures"] = " ".join(unfinished) or "none"
        print_table("The log verifies", ["what", "value"], facts.items())


def _facts(report: "Report", vouchers: "Vouchers") -> dict[str, object]:
    return {
        "origin": report.origin,
        "entries": report.size,
        "root": report.root.hex(),
        "checkpoints": report.checkpoint_count,
        "tiles": report.tile_count,
        "against": report.against_count,
        "witnessed_entries": vouchers.witnessed_size,
        "witnesses": vouchers.witness_count,
        "stamped_entries": vouchers.stamped_size,
        "timestamps": vouchers.timestamp_count,
        "timestamps_by_others": vouchers.by_others_count,
    }


def _verify_vouchers(site: "Site", reader: "LogReader") -> "Vouchers":
    from gateway.audit.store.notary import NOTARY_DATABASE, NotaryReader
    from gateway.audit.verify_vouchers import Vouchers, verify_vouchers
    from gateway.crypto.timestamp import TimestampAuthority
    from gateway.tlog.policy import parse_policy

    audit, folder = site.config.audit, site.state / "audit"
    if not (folder / NOTARY_DATABASE).exists():
        return Vouchers()
    policy = authority = None
    if audit.witness_policy is not None:
        file = site.folder / audit.witness_policy
        policy = parse_policy(read_named(file, "the witnesses"), str(file))
    if audit.timestamps is not None:
        authority = TimestampAuthority(
            read_named(site.folder / audit.timestamps.certificate, "an X.509 certificate"),
            read_named(site.folder / audit.timestamps.roots, "X.509 certificates"),
        )
    with closing(NotaryReader.open(folder)) as notary:
        return verify_vouchers(reader, notary, policy=policy, authority=authority)


def _begin_index(site: "Site", stack: ExitStack) -> tuple[Callable[[], int], int]:
    """Compare the index in two other processes.

    Returns:
        What waits for them, and how many entries they parse at least.
    """
    from gateway.audit.verify_index import BLOCK_COUNT, IndexPart, examine, indexed_size
    from gateway.errors import AuditError, TrustError
    from gateway.keyring import kept_epochs

    log, index = site.state / "audit", site.state / "index"
    size = indexed_size(index)
    middle = -(-size // BLOCK_COUNT) // 2
    epochs = kept_epochs(site)
    parts = (
        IndexPart(log, index, epochs, 0, middle),
        IndexPart(log, index, epochs, middle, None),
    )
    pool = stack.enter_context(ProcessPoolExecutor(len(parts), mp_context=get_context("spawn")))
    futures = [pool.submit(examine, part) for part in parts]

    def finish() -> int:
        counts = []
        for future in futures:
            found = future.result()
            if not isinstance(found, int):
                raise (TrustError if found[0] == "PROOF_INVALID" else AuditError)(*found)
            counts.append(found)
        return sum(counts)

    return finish, size
