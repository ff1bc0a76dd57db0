"""What is finished of a day: `runs/date=D/<step>.json` under the storage root, one file a finished step.

A step counts as finished while its fingerprint (its own command and its predecessor's record, byte for
byte) is the recorded one: a changed setting, or a predecessor that ran again, makes what follows run
again, as in make.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fsspec


class Storage:
    """Small files under the storage root, whole or not at all: a folder or any address fsspec knows."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.folder = None if "://" in root else Path(root)
        self.files, self.prefix = fsspec.core.url_to_fs(root)

    def read(self, name: str) -> bytes | None:
        try:
            return self.files.cat_file(f"{self.prefix}/{name}")
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        if self.folder is None:
            self.files.pipe_file(f"{self.prefix}/{name}", content)
            return
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")  # its writer's alone
        try:
            aside.write_bytes(content)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, sorted; a folder that is there and cannot be read is an error."""
        self.files.invalidate_cache()
        try:
            paths = self.files.ls(f"{self.prefix}/{folder}", detail=False)
        except FileNotFoundError:
            return []
        return sorted(f"{folder}/{path.rpartition('/')[2]}" for path in paths)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.files.rm_file(f"{self.prefix}/{name}")

    def exists(self, name: str) -> bool:
        self.files.invalidate_cache()
        return bool(self.files.exists(f"{self.prefix}/{name}"))


def record_name(day: str, step: str) -> str:
    return f"runs/date={day}/{step}.json"


def fingerprint(argv: Sequence[str], root: str, predecessor: bytes | None) -> str:
    """The interpreter's and the storage's own paths are left out: a moved folder is still finished."""
    words = ["python" if word == sys.executable else word.replace(root, "ROOT") for word in argv]
    parts = [*words, hashlib.sha256(predecessor or b"").hexdigest()]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def render_record(record: dict[str, Any]) -> bytes:
    text = json.dumps({"schema": 1, **record}, ensure_ascii=False, indent=2, sort_keys=True)
    return text.encode() + b"\n"


def read_record(storage: Storage, day: str, step: str) -> dict[str, Any]:
    """What is recorded of a step; nothing where there is no record or a damaged one."""
    try:
        record = json.loads(storage.read(record_name(day, step)) or b"{}")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def finished_record(storage: Storage, day: str, step: str, expected: str) -> dict[str, Any] | None:
    """The record of a step that need not run again."""
    record = read_record(storage, day, step)
    return record if record.get("fingerprint") == expected else None
