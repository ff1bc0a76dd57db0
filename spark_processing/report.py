"""Show what cleaning did: in come the dataset's ledgers and kept rows, out comes one HTML page with its plots
inside.

    python -m spark_processing.report --storage data

Writes processed/report.html: the funnel by rule, the lengths kept, texts by source and sign and by month,
sources that tell the same stories, warnings, and examples of what each rule took out. Needs no network and no
plotting library.
"""

from __future__ import annotations

import argparse
import html
import sys
from collections import Counter
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from spark_processing.dataset import read_dataset
from spark_processing.ledger import add_ledgers, read_ledger
from spark_processing.program import add_storage, open_storage, require_java, run_step
from spark_processing.raw_runs import RawDataError
from spark_processing.rules import REASONS

REPORT = "processed/report.html"
BAR_PX = 420
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.15rem .6rem;text-align:right;font-weight:400}"
    "td:first-child,th:first-child{text-align:left}rect{fill:#5b7db1}.kept rect{fill:#4a9b6e}"
    "th{border-bottom:1px solid #999}p.warning{background:#fff3d6;padding:.4rem .8rem}del{color:#a33}"
)
Table = List[Tuple[Any, ...]]


def report(args: argparse.Namespace) -> Dict[str, Any]:
    """Returns the summary's fields."""
    storage = open_storage(args)
    dataset = read_dataset(storage)
    if dataset is None:
        raise RawDataError(
            f"expected a dataset, found none, in {storage.path('processed')}; run clean_job first"
        )
    require_java()
    ledger = add_ledgers([read_ledger(storage, part.folder) for part in dataset.parts])
    storage.write(REPORT, render(ledger, dataset.version, *summarise(storage, dataset, args.master)).encode())
    return {
        "outcome": "done",
        "rows_in": ledger["rows_in"],
        "rows_out": ledger["kept"],
        "report": storage.path(REPORT),
    }


def summarise(storage: Any, dataset: Any, master: str) -> Tuple[Table, Table, Table]:
    """From the kept rows: (chars in tens, texts), (month, source, texts), (source, source, texts in common
    clusters)."""
    from pyspark.sql import functions as F

    from spark_processing.pipeline import read_history
    from spark_processing.schema import CLEAN
    from spark_processing.session import open_session

    clean = read_history(
        open_session("horoscopes: report", dataset.rows, master), storage, dataset, "clean", CLEAN
    )
    tens = (F.floor(F.col("chars") / 10) * 10).alias("chars")
    month = F.date_format("date", "yyyy-MM").alias("month")
    of_cluster = clean.groupBy("cluster_id").agg(F.sort_array(F.collect_set("source")).alias("sources"))
    pairs = of_cluster.select(F.explode("sources").alias("a"), "sources").select(
        "a", F.explode("sources").alias("b")
    )
    frames = (
        clean.groupBy(tens).count().orderBy("chars"),
        clean.groupBy(month, "source").count().orderBy("month", "source"),
        pairs.where("a < b").groupBy("a", "b").count().orderBy("a", "b"),
    )
    lengths, months, shared = ([tuple(row) for row in frame.collect()] for frame in frames)
    return lengths, months, shared


def render(ledger: Dict[str, Any], version: str, lengths: Table, months: Table, shared: Table) -> str:
    """The whole page."""
    rejected = [(reason, ledger["rejected"].get(reason, 0)) for reason in REASONS]
    sections = [
        f"<h1>Dataset {html.escape(version)}: {ledger['kept']:,} of {ledger['rows_in']:,} rows kept</h1>",
        *[
            f"<p class=warning><b>{html.escape(w['name'])}</b>: {html.escape(w['detail'])}</p>"
            for w in ledger["warnings"]
        ],
        "<h2>Where the rows went</h2>",
        bars([("kept", ledger["kept"]), *[line for line in rejected if line[1]]]),
        "<h2>Length of the kept texts, characters</h2>",
        bars([(f"{chars}–{chars + 9}", count) for chars, count in lengths]),
        "<h2>Kept texts by source and sign</h2>",
        cross_table([(line["source"], line["sign"], line["kept"]) for line in ledger["by_source_sign"]]),
        "<h2>Kept texts by month and source</h2>",
        cross_table(months),
        "<h2>Sources that tell the same stories</h2>",
        table(("source", "source", "common clusters"), shared) if shared else "<p>None.</p>",
        "<h2>What each rule took out</h2>",
        *[
            example_list(reason, ledger["examples"][reason])
            for reason in REASONS
            if reason in ledger["examples"]
        ],
    ]
    page = "\n".join(sections)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Dataset {html.escape(version)}</title>"
        f"<style>{STYLE}</style>\n{page}\n</html>\n"
    )


def bars(lines: Sequence[Tuple[str, int]]) -> str:
    """One horizontal bar a line, as an inline SVG inside a table."""
    largest = max((count for _, count in lines), default=1) or 1
    rows = [
        f"<tr class={'kept' if name == 'kept' else 'other'}><td>{html.escape(name)}<td>{count:,}<td>"
        f'<svg width={BAR_PX} height=14><rect width="{BAR_PX * count / largest:.1f}" height=14 /></svg>'
        for name, count in lines
    ]
    return f"<table>{''.join(rows)}</table>"


def cross_table(cells: Iterable[Tuple[str, str, int]]) -> str:
    """(row, column, count) cells as a table with totals."""
    counts: Counter = Counter()
    for row, column, count in cells:
        counts[row, column] += count
    columns = sorted({column for _, column in counts})
    lines = []
    for name in sorted({row for row, _ in counts}):
        line = [counts[name, column] for column in columns]
        lines.append((name, *line, sum(line)))
    return table(("", *columns, "all"), lines)


def table(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    titles = "".join(f"<th>{html.escape(title)}" for title in head)
    rows = ["".join(f"<td>{html.escape(str(cell))}" for cell in line) for line in lines]
    return f"<table><tr>{titles}{''.join(f'<tr>{row}' for row in rows)}</table>"


def example_list(reason: str, examples: List[Dict[str, Optional[str]]]) -> str:
    items = [
        f"<li>{html.escape(example['source'] or '—')}, {html.escape(example['sign'] or '—')}: "
        f"<del>{html.escape((example['before'] or '')[:300])}</del>"
        for example in examples
    ]
    return f"<h3>{reason}</h3><ul>{''.join(items)}</ul>"


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m spark_processing.report",
        description="Write processed/report.html: what cleaning did.",
    )
    return add_storage(parser)


def main(argv: Optional[List[str]] = None) -> int:
    return run_step("report", make_parser().parse_args(argv), report)


if __name__ == "__main__":
    sys.exit(main())
