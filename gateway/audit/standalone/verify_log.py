# SPDX-License-Identifier: Apache-2.0
"""Verify an audit log without the software that wrote it.

    python3 verify_log.py audit.sqlite3 log.vkey [--against CHECKPOINT]...

Needs Python 3.11 and `cryptography`; imports nothing of the gateway and shares no code with it, so
that two programs must be wrong in the same way before a changed log passes. Formats: RFC 6962
(tree), C2SP signed-note, tlog-checkpoint and tlog-tiles, docs/reference/audit-entry.md (store).

1. The tree is built from the entries alone, whole, level by level; roots and tiles are cut out of
   it.
2. The key comes from its own file, never from the log.
3. The first wrong record is named: `entry N`, `checkpoint N`, `tile/L/N` or `meta NAME`. Of entries
   that no full tile has yet the checkpoint over them is.
4. Everything is read at one instant, so a log that is being written may be verified.

Exit code 0: everything holds. 3: the file cannot be read. 4: something does not hold.
"""

import argparse
import base64
import hashlib
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HASH = 32
TILE = 256
MAX_ENTRY = 4096
KINDS = frozenset({"lookup", "act", "event"})


class Broken(Exception):
    """Something does not hold.

    Attributes:
        record: which record, e.g. `entry 7`.
    """

    def __init__(self, record: str, why: str) -> None:
        super().__init__(f"{record}: {why}")
        self.record = record


def fail(record: str, why: str) -> NoReturn:
    """Raise Broken."""
    raise Broken(record, why)


def sha256(content: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(content).digest()


class Key:
    """The log's public key.

    Args:
        vkey: `name+id+base64`, C2SP signed-note.
    """

    def __init__(self, vkey: str) -> None:
        self.vkey = vkey.strip()
        self.name, self.key_id, encoded = self.vkey.split("+", 2)
        blob = base64.b64decode(encoded, validate=True)
        wanted = sha256(self.name.encode() + b"\n" + blob)[:4].hex()
        if len(blob) != 1 + HASH or blob[0] != 1 or wanted != self.key_id:
            raise ValueError("not the verifier key of an Ed25519 key")
        self._key = Ed25519PublicKey.from_public_bytes(blob[1:])

    def open_checkpoint(self, note: bytes) -> tuple[int, bytes]:
        """Size and root of a checkpoint that this key has signed; raises ValueError."""
        text, _, signatures = note.decode().rpartition("\n\n")
        text += "\n"
        if not signatures.endswith("\n"):
            raise ValueError("it does not end with a newline")
        signed = 0
        for line in signatures[:-1].split("\n"):
            dash, name, encoded = line.split(" ")
            blob = base64.b64decode(encoded, validate=True)
            if dash != "—" or len(blob) < 5 or base64.b64encode(blob).decode() != encoded:
                raise ValueError("a signature line is malformed")
            if (name, blob[:4].hex()) == (self.name, self.key_id):
                self._key.verify(blob[4:], text.encode())
                signed += 1
        origin, size, root, rest = text.split("\n")
        if not signed or origin != self.name or rest:
            raise ValueError("not a checkpoint that the log's key has signed")
        decoded = base64.b64decode(root, validate=True)
        canonical = f"{origin}\n{int(size)}\n{base64.b64encode(decoded).decode()}\n"
        if canonical != text or len(decoded) != HASH:
            raise ValueError("its text is not canonical")
        return int(size), decoded


class Tree:
    """The whole tree: `levels[k]` holds the roots of all complete subtrees of 2**k leaves."""

    def __init__(self, leaves: bytearray) -> None:
        self.levels = [leaves]
        while len(self.levels[-1]) >= 2 * HASH:
            below = self.levels[-1]
            pairs = range(0, len(below) // (2 * HASH) * 2 * HASH, 2 * HASH)
            self.levels.append(
                bytearray(b"".join(sha256(b"\x01" + below[at : at + 2 * HASH]) for at in pairs))
            )

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self.levels[0]) // HASH

    def root(self, size: int) -> bytes:
        """The root over the first `size` leaves."""
        found = b""
        for level in range(size.bit_length()):
            if size >> level & 1:
                at = ((size >> level) - 1) * HASH
                node = bytes(self.levels[level][at : at + HASH])
                found = sha256(b"\x01" + node + found) if found else node
        return found or sha256(b"")

    def tiles(self) -> Iterator[tuple[int, int, bytes]]:
        """All tiles, as (level, n, hashes)."""
        for level, hashes in enumerate(self.levels[::8]):
            for n, at in enumerate(range(0, len(hashes), TILE * HASH)):
                yield level, n, bytes(hashes[at : at + TILE * HASH])


def verify(log: sqlite3.Connection, key: Key, against: Sequence[bytes] = ()) -> dict[str, object]:
    """Verify a log.

    Args:
        log: the store, open.
        against: checkpoints that were kept elsewhere.

    Returns:
        What was verified.

    Raises:
        Broken: something does not hold.
        sqlite3.Error: the file cannot be read.
    """
    check_meta(log, key)
    kept = [(f"checkpoint {i} of those kept elsewhere", note) for i, note in enumerate(against)]
    opened = [opened_checkpoint(key, name, note) for name, note in kept]
    stored = log.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall()
    total = stored[-1][0] if stored else 0
    for size, _ in opened:
        if size > total:
            fail(f"entry {total}", f"missing: a checkpoint kept elsewhere covers {size} entries")
    roots = [signed_root(key, size, note) for size, note in stored]
    leaves, malformed = read_leaves(log, [size for size, _ in roots])
    tree = Tree(leaves)
    check_roots(log, tree, roots)
    if malformed is not None:
        raise malformed
    check_kept(tree, opened)
    check_tiles(log, tree)
    for size in sorted({size for size, _ in opened} - {size for size, _ in stored} - {0}):
        fail(f"checkpoint {size}", "kept elsewhere, and no longer in the log")
    return {
        "origin": key.name,
        "entries": tree.size,
        "root": tree.root(tree.size).hex(),
        "checkpoints": len(stored),
        "tiles": sum(1 for _ in tree.tiles()),
        "against": len(opened),
    }


def check_meta(log: sqlite3.Connection, key: Key) -> None:
    """The log must be the key's, and say nothing else of itself."""
    rows = log.execute("SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM meta").fetchall()
    found = dict(rows)
    for name, value in (("origin", key.name), ("schema", "1"), ("vkey", key.vkey)):
        if found.get(name.encode()) != value.encode():
            fail(f"meta {name}", "not what the key says")
    if len(rows) > 3:
        fail("meta", "says more than origin, schema and vkey")
    strays = log.execute(
        "SELECT 'entry ' || idx FROM entries WHERE idx < 0 "
        "UNION ALL SELECT 'checkpoint ' || size FROM checkpoints WHERE size < 0"
    ).fetchall()
    for (name,) in strays:
        fail(name, "below index 0, where nothing belongs")


def opened_checkpoint(key: Key, name: str, note: bytes) -> tuple[int, bytes]:
    """Size and root, or Broken by that name."""
    try:
        return key.open_checkpoint(note)
    except (ValueError, InvalidSignature) as error:
        fail(name, str(error) or "its signature does not verify")


def read_leaves(log: sqlite3.Connection, sizes: Sequence[int]) -> tuple[bytearray, Broken | None]:
    """Leaf hashes of the entries, without a gap, and what is wrong with the form of the first."""
    leaves, malformed = bytearray(), None
    if not sizes and log.execute("SELECT count(*) FROM entries").fetchone()[0]:
        fail("entry 0", "not covered by any checkpoint")
    total = sizes[-1] if sizes else 0
    wanted = 0
    for index, entry in log.execute("SELECT idx, entry FROM entries ORDER BY idx"):
        if index != wanted:
            fail(f"entry {min(wanted, total)}", "missing")
        if index < total and malformed is None and not is_in_form(entry):
            malformed = Broken(f"entry {index}", "not a record in its one spelling")
        leaves += sha256(b"\x00" + entry)
        wanted += 1
    if wanted < total:
        fail(f"entry {wanted}", "missing")
    return leaves, malformed


def is_in_form(entry: bytes) -> bool:
    """One JSON object in its one deterministic spelling (docs/reference/audit-entry.md)."""
    try:
        record = json.loads(entry)
        spelled = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        sound = spelled == entry and record["v"] == 1 and record["kind"] in KINDS
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    return sound and len(entry) <= MAX_ENTRY


def check_kept(tree: Tree, opened: Iterable[tuple[int, bytes]]) -> None:
    """The first entries must be those that a checkpoint kept elsewhere covers."""
    for size, root in opened:
        if size <= tree.size and tree.root(size) != root:
            culprit = f"checkpoint {size}"
            fail(culprit, "the log's first entries are not those of a checkpoint kept elsewhere")


def signed_root(key: Key, size: int, note: bytes) -> tuple[int, bytes]:
    """Size and root of a stored checkpoint, which must be signed for the size that it stands at."""
    signed_size, root = opened_checkpoint(key, f"checkpoint {size}", note)
    if signed_size != size:
        fail(f"checkpoint {size}", f"signed for {signed_size} entries")
    return size, root


def check_roots(log: sqlite3.Connection, tree: Tree, roots: Iterable[tuple[int, bytes]]) -> None:
    """Each must be the root of the entries; else the tiles tell which entry differs."""
    before = 0
    for size, root in roots:
        if tree.root(size) != root:
            for index in range(before, size):
                at = index % TILE * HASH
                leaf = tree.levels[0][index * HASH : (index + 1) * HASH]
                stored = stored_tile(log, 0, index // TILE) or b""
                # A tile that is not full yet need not be there: then nothing tells which entry.
                if stored[at:] and stored[at : at + HASH] != leaf:
                    fail(f"entry {index}", "not what was recorded: its hash is another")
            fail(f"checkpoint {size}", "its root is not that of the entries")
        before = size
    if before < tree.size:
        fail(f"entry {before}", "not covered by the last checkpoint")


def check_tiles(log: sqlite3.Connection, tree: Tree) -> None:
    """The stored tiles must be those of the tree, and no others.

    The last one of the lowest level may be missing while it is not full; logs that were begun by an
    earlier version may have the beginning of it.
    """
    count = 0
    for level, n, hashes in tree.tiles():
        found, wanted = stored_tile(log, level, n), hashes
        if level == 0 and len(hashes) < TILE * HASH:
            if found is None:
                continue
            if found and len(found) % HASH == 0:
                wanted = hashes[: len(found)]
        count += 1
        if found != wanted:
            fail(tile_path(level, n, len(hashes) // HASH), "not the hashes of its entries")
    stored = log.execute("SELECT count(*) FROM tiles").fetchone()[0]
    if stored != count:
        fail("tiles", f"{stored} are stored; a log of {tree.size} has {count}")


def stored_tile(log: sqlite3.Connection, level: int, n: int) -> bytes | None:
    """The hashes of a stored tile; None when there is none."""
    row = log.execute("SELECT hashes FROM tiles WHERE level = ? AND n = ?", (level, n)).fetchone()
    return bytes(row[0]) if row else None


def tile_path(level: int, n: int, width: int) -> str:
    """The path under which a log publishes a tile (C2SP tlog-tiles)."""
    groups = [f"{n % 1000:03}"]
    while n := n // 1000:
        groups.insert(0, f"x{n % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < TILE else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command; returns the exit code."""
    parser = argparse.ArgumentParser(description="Verify an audit log.")
    parser.add_argument("log", type=Path, help="the store, audit.sqlite3")
    parser.add_argument("vkey", type=Path, help="the log's verifier key")
    parser.add_argument("--against", type=Path, action="append", default=[], metavar="CHECKPOINT")
    chosen = parser.parse_args(arguments)
    try:
        key = Key(chosen.vkey.read_text())
        kept = [path.read_bytes() for path in chosen.against]
        uri = f"{chosen.log.resolve(strict=True).as_uri()}?mode=ro"
        log = sqlite3.connect(uri, uri=True)
        try:
            log.execute("BEGIN")  # one instant, whoever writes meanwhile
            report = verify(log, key, kept)
        finally:
            log.close()
    except (Broken, sqlite3.DatabaseError) as broken:  # "disk image is malformed" is the second
        if isinstance(broken, sqlite3.OperationalError):
            print(f"cannot be read 无法读取: {broken}", file=sys.stderr)
            return 3
        print(f"DOES NOT HOLD 不成立: {broken}", file=sys.stderr)
        return 4
    except (OSError, ValueError) as error:
        print(f"cannot be read 无法读取: {error}", file=sys.stderr)
        return 3
    print(f"HOLDS 成立: {json.dumps(report, ensure_ascii=False)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
