"""Make Spark start in half the time on this machine: in comes nothing, out comes an archive of Java's loaded
classes.

    python -m spark_processing.warm_start

Most of a small job's time goes into loading some 20,000 classes. Java can keep them in a file that it maps
when it starts again (class-data sharing). The file lies in the virtual environment (without one, in the
user's cache), is some 170 MB, belongs to one Spark and one Java, and is ignored by any other; made anew by
the same command, and safe to delete. `make setup` makes it, `clean_job` uses it where it is. Exit codes as in
clean_job.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional

from spark_processing.program import require_java, run_step, say
from spark_processing.schema import RAW_COLUMNS, SIGNS


def warm_start(args: argparse.Namespace) -> Dict[str, Any]:
    """Returns the summary's fields."""
    require_java()
    from spark_processing import session
    from spark_processing.clean_job import main

    archive = session.class_archive()
    archive.parent.mkdir(parents=True, exist_ok=True)
    aside = archive.with_suffix(f".{os.getpid()}")
    say("running a small job to see which classes it needs")
    with tempfile.TemporaryDirectory(prefix="horoscopes-") as root:
        write_sample(Path(root))
        os.environ[session.ARCHIVE_AT_EXIT] = str(aside)
        standard_output, sys.stdout = sys.stdout, sys.stderr
        try:
            code = main(["--storage", root, "--min-chars", "1"])
        finally:
            sys.stdout = standard_output
            del os.environ[session.ARCHIVE_AT_EXIT]
    if code:
        raise OSError(f"expected the small job to end with 0, found {code}; its error stands above")
    say("writing the archive")
    code = session.close_java()
    if code:
        aside.unlink(missing_ok=True)  # half of an archive kills every Java that maps it
        raise OSError(f"expected Java to end with 0 after it wrote {aside}, found {code}; run again")
    if not aside.exists():
        raise OSError(f"expected Java to write {aside}, found no file; is it Java 13 or newer?")
    aside.replace(archive)
    return {"outcome": "done", "archive": str(archive), "bytes": archive.stat().st_size}


def write_sample(root: Path) -> None:
    """One raw run, a text a sign."""
    folder = root / "raw" / "date=2026-01-01" / "source=sample" / "run=20260101T000000Z-00000000"
    folder.mkdir(parents=True)
    with (folder / "part-0000.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(RAW_COLUMNS)
        for number, sign in enumerate(SIGNS):
            text = f"Проба для знака: день {number} удачен, вечер тих."
            row = [f"{number:032x}", "2026-01-01", sign, "general", "day", "ru", text, "sample"]
            lines.writerow([*row, "", "", "sample", "2026-01-01T00:00:00+00:00"])
    content = (folder / "part-0000.csv").read_bytes()
    part = {"name": "part-0000.csv", "rows": len(SIGNS), "bytes": len(content)}
    part["sha256"] = hashlib.sha256(content).hexdigest()
    manifest = {"schema": 1, "run": "sample", "outcome": "complete", "parts": [part]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def main(argv: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m spark_processing.warm_start", description="Make Spark start faster on this machine."
    )
    parser.add_argument("--verbose", action="store_true", help="show the traceback of a failure")
    return run_step("warm_start", parser.parse_args(argv), warm_start)


if __name__ == "__main__":
    sys.exit(main())
