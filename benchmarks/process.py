"""Measure cleaning beside its peers: everyone does the same work on the same raw parts, in one run.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.process --rows 1000000

Parts: `engines` (clean, drop exact copies, write; `benchmarks.process_engines` states the work), `near`
(near duplicates among 100,000 texts), `increment` (a day of 1,000 rows on no history and on a long one),
`growth` (the first of `--engines` on 1, 2, 4, 8 times the rows). An engine runs in a process of its own:
`cold` is that process from start to end, `warm` the work done again inside it. CPU and memory are those of
the whole tree of processes. Rows must be identical before a time is printed. The last line is JSON.
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
from benchmarks.process_history import write_history
from benchmarks.process_near import archive, compare, generated
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
    shutil.rmtree(output, ignore_errors=True)  # of a run that failed
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
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
        program = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=errors)
        used = Used(os.getpid())
        code = program.wait()
        wall_s = time.monotonic() - began
        reap()
        used.stop()
        said.seek(0)
        errors.seek(0)
        assert code == 0, f"{command} ended with {code}: {errors.read()[-3000:]}"
        lines = [line for line in said.read().splitlines() if line.startswith("{")]
    return {
        "cold_s": round(wall_s, 2),
        "cpu_s": round(used.cpu_s, 2),
        "peak_mib": used.peak_mib,
        "said": lines,
    }


def reap() -> None:
    """Wait for what the program left behind; Spark's Java ends by itself."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


class Used(threading.Thread):
    """Looks five times a second at the processes below one: their CPU, of which each one's last fifth of a
    second is missed, and their memory, pages that are a process's own, which for forked ones counts what
    they still share with their parent again.

    The kernel's own sums do not do for CPU: pyspark's daemon ignores its children's ends, and so their time
    is added to nobody's.
    """

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root, self._ended = root, threading.Event()
        self._ticks: dict[tuple[str, str], int] = {}
        self.peak_mib = 0
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.2):
            pids = [*tree(self._root)][1:]
            for pid in pids:
                name, _, fields = read_quietly(Path(f"/proc/{pid}/stat")).rpartition(")")
                if name:
                    since_state = fields.split()
                    self._ticks[name.partition(" ")[0], since_state[19]] = sum(map(int, since_state[11:13]))
            self.peak_mib = max(self.peak_mib, sum(map(own_pages, pids)) * os.sysconf("SC_PAGESIZE") >> 20)

    @property
    def cpu_s(self) -> float:
        return sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._ended.set()
        self.join()


def tree(root: int) -> Iterator[int]:
    """A process and all below it."""
    yield root
    for task in Path(f"/proc/{root}/task").glob("*"):
        for child in read_quietly(task / "children").split():
            yield from tree(int(child))


def read_quietly(path: Path) -> str:
    """A file in /proc, empty when its process has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def own_pages(pid: int) -> int:
    pages = read_quietly(Path(f"/proc/{pid}/statm")).split()
    return int(pages[1]) - int(pages[2]) if pages else 0


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
    parser.add_argument("--texts", type=int, default=100_000, help="texts of `near` (default: %(default)s)")
    parser.add_argument("--archive", type=Path, help="JSON lines, gzip, that `near` compares as well")
    parser.add_argument("--day", type=int, default=1000, help="rows of `increment` (default: %(default)s)")
    parser.add_argument(
        "--history", type=int, default=5_000_000, help="its kept texts (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of `increment` (default: %(default)s)")
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


def compare_near(work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    sets = {"generated": generated(arguments.texts)}
    if arguments.archive:
        sets["archive"] = archive(arguments.archive)
    results = {name: compare(keys) for name, keys in sets.items()}
    for name, result in results.items():
        say(f"{name}: {result['texts']} texts: {result['peers']}")
    return results


STOCK = """
import sys
from spark_processing import session
session.laptop_settings = lambda master: {"spark.master": master}
session.job_settings = lambda rows, cores: {}
from spark_processing.clean_job import main
sys.exit(main(sys.argv[1:]))
"""


def compare_increment(work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """A day on no history, on a long one, and on no history in a Spark session as it comes out of the box."""
    folder = work / f"history-{arguments.history}"
    if not folder.exists():
        say(f"making a history of {arguments.history} texts")
        write_history(work / "new", arguments.history)
        (work / "new").rename(folder)
    job = [sys.executable, "-m", "spark_processing.clean_job"]
    cases = {"none": (job, None), "long": (job, folder), "stock": ([sys.executable, "-c", STOCK], None)}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in cases}
    for number in range(arguments.rounds):
        for name in [*cases][number % 3 :] + [*cases][: number % 3]:
            command, history = cases[name]
            root = work / "day"
            shutil.rmtree(root, ignore_errors=True)
            if history:
                shutil.copytree(history, root, copy_function=os.link)
            write_raw(root, arguments.day, first_run=100_000)
            found[name].append(watch([*command, "--storage", str(root)]))
            assert json.loads(found[name][-1].pop("said")[-1])["rows_in"] == arguments.day
            say(f"{name}: {found[name][-1]}")
    shutil.rmtree(work / "day")
    best = {name: min(times, key=lambda figures: figures["cold_s"]) for name, times in found.items()}
    ratios = {
        f"{a}_to_{b}_{unit}": round(min(f[unit] for f in found[a]) / min(f[unit] for f in found[b]), 2)
        for a, b in (("long", "none"), ("none", "stock"))
        for unit in ("cold_s", "cpu_s")
    }
    return {"rows": arguments.day, "history": arguments.history, "best": best, **ratios}


def compare_growth(work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """The first engine on 1, 2, 4 and 8 times the rows; a plot beside the figures where a folder is given."""
    figures = {}
    for times in (1, 2, 4, 8):
        rows = times * arguments.rows
        figures[rows] = measure(arguments.engines[0], rows_in(work, rows), work / "out", warm=False)
        figures[rows]["us_a_row"] = round(figures[rows]["cold_s"] / rows * 1e6, 1)
        say(f"{rows} rows: {figures[rows]}")
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.plot([*figures], [f["cold_s"] for f in figures.values()], "o-")
    pyplot.xlabel("raw rows")
    pyplot.ylabel("seconds")
    pyplot.savefig(work / "growth.svg")
    return {str(rows): figures[rows] for rows in figures}


PARTS = {
    "engines": compare_engines,
    "near": compare_near,
    "increment": compare_increment,
    "growth": compare_growth,
}

if __name__ == "__main__":
    sys.exit(main())
