"""Pre-compress an exported site: beside each text file that gzip makes smaller, the same as `.gz`.

A folder in, a folder out, for servers that send such files as they are (nginx: `gzip_static on`), so that no
request costs a compression.

    python -m serving.export --output site && python -m serving.compress site

A file that has not changed is left alone; a `.gz` whose file has gone is removed.
"""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from typing import Any

from serving.command import CommandError, parser, run_command

STEP = "compress"
TEXT_SUFFIXES = {".html", ".css", ".js", ".json", ".xml", ".ics", ".svg", ".webmanifest"}
MIN_BYTES = 600
"""Smaller files fit in one packet as they are."""


def compressed(content: bytes) -> bytes:
    """The same bytes for the same content, whenever it is compressed."""
    return gzip.compress(content, 9, mtime=0)


def compress_file(path: Path) -> bool:
    """Bring the `.gz` beside a file up to date; whether it had to be written."""
    content = path.read_bytes()
    packed = path.with_name(path.name + ".gz")
    wanted = compressed(content)
    if len(content) < MIN_BYTES or len(wanted) >= len(content):
        packed.unlink(missing_ok=True)
        return False
    if packed.is_file() and packed.read_bytes() == wanted:
        return False
    aside = packed.with_name(f".{packed.name}.{os.getpid()}")
    aside.write_bytes(wanted)
    aside.replace(packed)
    return True


def compress_site(folder: Path) -> dict[str, Any]:
    """Compress what is text, drop what has lost its file; the summary's own fields."""
    if not folder.is_dir():
        raise CommandError(f"expected a folder with an exported site, found none, at {folder}", exit_code=2)
    files = sorted(path for path in folder.rglob("*") if path.suffix in TEXT_SUFFIXES and path.is_file())
    written = sum(compress_file(path) for path in files)
    orphans = [path for path in folder.rglob("*.gz") if not path.with_suffix("").is_file()]
    for path in orphans:
        path.unlink(missing_ok=True)  # another call may be at work
    return {"rows_in": len(files), "rows_out": len(files), "changed": written, "removed": len(orphans)}


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("folder", type=Path, help="the folder given to serving.export as --output")
    args = made.parse_args(argv)
    return run_command(STEP, lambda: compress_site(args.folder))


if __name__ == "__main__":
    sys.exit(main())
