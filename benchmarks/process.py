"""Measure cleaning beside its peers: everyone does the same work on the same raw parts, in one run.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.process --rows 1000000

Parts: `engines` (clean, drop exact copies, write; `benchmarks.process_engines` states the work), `near`
(near duplicates among 100,000 texts), `increment` (a day of 1,000 rows on no history and on a long one),
`growth` (1, 2, 4, 8 times the rows). An engine runs in a process of its own: `cold` is that process from
start to end, `warm` the work done again inside it. CPU and memory are those of the whole tree of processes.
Rows must be identical before a time is printed. The last line is JSON.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from benchmarks.process_engines import ENGINES
from benchmarks.raw_rows import write_raw

ROOT = Path(__file__).resolve().parent.parent
PR_SET_CHILD_SUBREAPER = 36


def run_engine(name: str, root: Path, output: Path, times: int) -> None:
    """The work, as often as told, in this process; prints the seconds of each time."""
    for number in range(times):
        folder = output / str(number)
        folder.mkdir(parents=True)
        began = time.monotonic()
        ENGINES[name](root, folder)
        print(json.dumps({"seconds": round(time.monotonic() - began, 2)}), flush=True)


def measure(name: str, root: Path, output: Path, warm: bool) -> dict[str, Any]:
    """Wall and CPU seconds and the peak memory of an engine's processes."""
    command = [sys.executable, "-m", "benchmarks.process", "--engine", name, "--raw", str(root)]
    found = watch([*command, "--output", str(output / "cold")])
    found["rows"] = fingerprint(output / "cold" / "0")
    if warm:
        lines = watch([*command, "--output", str(output / "warm"), "--times", "2"])["said"]
        found["warm_s"] = json.loads(lines[-1])["seconds"]
        assert fingerprint(output / "warm" / "1") == found["rows"], f"{name}: another result the second time"
    found.pop("said")
    shutil.rmtree(output)
    return found


def watch(command: list[str]) -> dict[str, Any]:
    """Run a program to its end and account for all its processes, orphans too."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    before, began = os.times(), time.monotonic()
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
        program = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=errors)
        peak = Peak(program.pid)
        code = program.wait()
        wall_s = time.monotonic() - began
        peak.stop()
        reap()
        said.seek(0)
        errors.seek(0)
        assert code == 0, f"{command} ended with {code}: {errors.read()[-3000:]}"
        lines = [line for line in said.read().splitlines() if line.startswith("{")]
    after = os.times()
    cpu_s = sum(after[2:4]) - sum(before[2:4])
    return {"cold_s": round(wall_s, 2), "cpu_s": round(cpu_s, 2), "peak_mib": peak.mib, "said": lines}


def reap() -> None:
    """Wait for what the program left behind, so that its CPU is counted; Spark's Java ends by itself."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


class Peak(threading.Thread):
    """Looks five times a second at the memory of a tree of processes, pages they share counted once."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root, self._ended, self.mib = root, threading.Event(), 0
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.2):
            self.mib = max(self.mib, sum(map(pss_kib, self._tree())) // 1024)

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def _tree(self) -> Iterator[int]:
        parents = {}
        for folder in Path("/proc").glob("[0-9]*"):
            line = read_quietly(folder / "stat")
            parents[int(folder.name)] = int(line.rpartition(")")[2].split()[1]) if line else 0
        found = {self._root}
        while more := {child for child, parent in parents.items() if parent in found} - found:
            found |= more
        yield from found


def read_quietly(path: Path) -> str:
    """A file in /proc, empty when its process has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def pss_kib(pid: int) -> int:
    lines = read_quietly(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def fingerprint(folder: Path) -> dict[str, Any]:
    """How many rows an engine kept, and a hash over their ids and texts."""
    paths = sorted(folder.glob("processed/part=*/clean/*.parquet")) or sorted(folder.rglob("*.parquet"))
    rows = ds.dataset([str(path) for path in paths])
    names = ["horoscope_id", "clean_text"] if "clean_text" in rows.schema.names else ["id", "text"]
    kept = sorted(zip(*(column.to_pylist() for column in rows.to_table(columns=names).columns), strict=True))
    return {"kept": len(kept), "sha256": hashlib.sha256(json.dumps(kept).encode()).hexdigest()[:16]}


def engines(raw: Path, rows: int, work: Path, names: list[str]) -> dict[str, Any]:
    """Everyone's figures, in turn; AssertionError unless their rows are the same."""
    found = {}
    for name in names:
        say(f"{name} …")
        found[name] = measure(name, raw, work / "out", warm=name in ("ours", "ours, whole job", "polars"))
    kept = {name: figures.pop("rows") for name, figures in found.items()}
    assert len({tuple(rows.values()) for rows in kept.values()}) == 1, f"the engines differ: {kept}"
    for figures in found.values():
        figures["rows_per_s"] = round(rows / figures["cold_s"])
    return {"rows": rows, "kept": next(iter(kept.values()))["kept"], "engines": found}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def show(results: dict[str, Any]) -> None:
    say(f"{'engine':18}{'cold s':>8}{'warm s':>8}{'CPU s':>8}{'MiB':>8}{'rows/s':>10}")
    for name, f in results["engines"].items():
        warm = f.get("warm_s", "")
        say(f"{name:18}{f['cold_s']:8}{warm:>8}{f['cpu_s']:8}{f['peak_mib']:8}{f['rows_per_s']:10}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.process", description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="raw rows (default: %(default)s)")
    parser.add_argument(
        "--only", nargs="+", choices=[*PARTS], default=[*PARTS], help="parts of the benchmark"
    )
    parser.add_argument("--engines", nargs="+", choices=[*ENGINES], default=[*ENGINES], metavar="NAME")
    parser.add_argument("--folder", type=Path, help="where generated rows stay for the next run")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--raw", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--times", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.engine:
        run_engine(arguments.engine, arguments.raw, arguments.output, arguments.times)
        return 0
    with tempfile.TemporaryDirectory(prefix="horoscopes-") as scratch:
        work = arguments.folder or Path(scratch)
        results = {name: PARTS[name](work, arguments) for name in arguments.only}
    print(json.dumps({"step": "benchmark-process", "outcome": "done", **results}))
    return 0


def rows_in(work: Path, rows: int) -> Path:
    """A storage root with so many raw rows, made once."""
    root = work / f"rows-{rows}"
    if not (root / "raw").exists():
        say(f"generating {rows} rows")
        write_raw(work / "new", rows)
        (work / "new").rename(root)
    return root


def compare_engines(work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    results = engines(rows_in(work, arguments.rows), arguments.rows, work, arguments.engines)
    show(results)
    return results


PARTS = {"engines": compare_engines}

if __name__ == "__main__":
    sys.exit(main())
