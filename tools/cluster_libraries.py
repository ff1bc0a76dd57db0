"""The packages that the cleaning job asks of a cluster's Python, as one archive for spark-submit.

    python -m tools.cluster_libraries 3.8 dist/cluster_libraries.tar.gz

Fetches wheels for that Python on 64-bit Linux, whatever runs here: the newest versions it can have, which for
an old Python are not those of constraints.txt.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "spark_processing" / "requirements-cluster.txt"
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
NEEDLESS = re.compile(r"(^|/)(tests|include|__pycache__)(/|$)|^\./bin(/|$)")
"""What no job imports: a third of the archive."""


def write_libraries(python: str, target: Path) -> None:
    """CalledProcessError when pip finds no wheels for that Python; the archive appears whole."""
    with tempfile.TemporaryDirectory(prefix="horoscopes-") as folder:
        platforms = [argument for name in PLATFORMS for argument in ("--platform", name)]
        wheels = ["--only-binary=:all:", "--python-version", python, *platforms]
        quiet = ["--quiet", "--no-warn-conflicts", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "install", *quiet, "--target", folder, *wheels]
        subprocess.run([*command, "-r", str(REQUIREMENTS)], check=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_suffix(".new")
        with tarfile.open(aside, "w:gz", compresslevel=6) as archive:
            archive.add(folder, ".", filter=lambda entry: None if NEEDLESS.search(entry.name) else entry)
        aside.replace(target)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.cluster_libraries", description="The packages a cluster's Python needs."
    )
    parser.add_argument("python", help="the cluster's Python, such as 3.8")
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args(argv)
    try:
        write_libraries(arguments.python, arguments.target)
    except subprocess.CalledProcessError:
        print(
            f"error: expected wheels for Python {arguments.python}, pip found none; see above",
            file=sys.stderr,
        )
        return 2
    print(f"{arguments.target}: {arguments.target.stat().st_size >> 20} MiB for Python {arguments.python}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
