"""Zip a package for a cluster: the same sources give the same bytes, so the archive can be named by its hash.

python -m tools.package spark_processing dist/spark_processing.zip
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first instant that the zip format can tell."""


def write_zip(package: Path, target: Path) -> int:
    """Every file of `package` but compiled ones, under its name, into `target`; returns how many."""
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".new")
    with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(str(path.relative_to(package.parent)), EARLIEST)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    aside.replace(target)
    return len(files)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.package", description="Zip a package for a cluster."
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args(argv)
    if not (arguments.package / "__init__.py").exists():
        print(f"error: expected a package, found no __init__.py, in {arguments.package}", file=sys.stderr)
        return 2
    print(f"{arguments.target}: {write_zip(arguments.package, arguments.target)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
