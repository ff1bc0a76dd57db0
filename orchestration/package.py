"""The cleaning job's own package as a zip in the storage: sources in, addresses for any Spark out.

The zip goes under the hash of its content, so a cluster never sees half of it or another version.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

from orchestration.record import Storage

LAUNCHER = b"from spark_processing.clean_job import main\n\nraise SystemExit(main())\n"
FIXED_DATE = (2026, 1, 1, 0, 0, 0)


def upload_package(storage: Storage, package: Path) -> tuple[str, str]:
    """Names, under the storage's root, of the program to launch and of the zip it needs."""
    packed = package_zip(package)
    name = f"code/spark_processing-{hashlib.sha256(packed).hexdigest()[:16]}.zip"
    storage.write(name, packed)
    storage.write("code/clean.py", LAUNCHER)
    return "code/clean.py", name


def package_zip(package: Path) -> bytes:
    """The same bytes for the same sources."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(path.relative_to(package.parent).as_posix(), FIXED_DATE)
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def hadoop_address(root: str) -> str:
    """The storage root as Spark spells it."""
    return root.replace("s3://", "s3a://", 1)
