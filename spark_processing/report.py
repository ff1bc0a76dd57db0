"""Show what cleaning did: in come the dataset's ledgers and kept rows, out comes one HTML page with its plots
inside.

    python -m spark_processing.report --storage data

Writes processed/report.html: the funnel by rule, lengths before and after, texts by source, sign and month,
the diversity of each source over time, the network of sources that tell the same stories, warnings, and
examples of what each rule took out. Needs no network and no plotting library.
"""

from __future__ import annotations

import argparse
import html
import math
import sys
from collections import Counter
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

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
    page = render(ledger, dataset.version, summarise(storage, dataset, args.master))
    storage.write(REPORT, page.encode())
    return {
        "outcome": "done",
        "rows_in": ledger["rows_in"],
        "rows_out": ledger["kept"],
        "report": storage.path(REPORT),
    }


class Summary(NamedTuple):
    """What the rows themselves tell."""

    before: Table
    """(characters in tens, texts) as they came, rejected ones too."""
    after: Table
    """(characters in tens, texts) as they are kept."""
    months: Table
    """(month, source, sign, texts)."""
    shared: Table
    """(source, source, clusters that have texts of both)."""


def summarise(storage: Any, dataset: Any, master: str) -> Summary:
    from pyspark.sql import functions as F

    from spark_processing.schema import CLEAN, REJECTED
    from spark_processing.session import open_session, read_table

    spark = open_session("horoscopes: report", dataset.rows, master)
    clean = read_table(spark, storage, dataset, "clean", CLEAN)
    came = clean.select("text").union(
        read_table(spark, storage, dataset, "rejected", REJECTED).select("text")
    )
    month = F.date_format("date", "yyyy-MM").alias("month")
    of_cluster = clean.groupBy("cluster_id").agg(F.sort_array(F.collect_set("source")).alias("sources"))
    pairs = of_cluster.select(F.explode("sources").alias("a"), "sources").select(
        "a", F.explode("sources").alias("b")
    )

    def tens(chars: Any) -> Any:
        return (F.floor(chars / 10) * 10).alias("chars")

    frames = (
        came.groupBy(tens(F.length("text"))).count().where("chars IS NOT NULL").orderBy("chars"),
        clean.groupBy(tens(F.col("chars"))).count().orderBy("chars"),
        clean.groupBy(month, "source", "sign").count().orderBy("month", "source", "sign"),
        pairs.where("a < b").groupBy("a", "b").count().orderBy("a", "b"),
    )
    return Summary(*([tuple(row) for row in frame.collect()] for frame in frames))


def render(ledger: Dict[str, Any], version: str, rows: Summary) -> str:
    """The whole page."""
    rejected = [(reason, ledger["rejected"].get(reason, 0)) for reason in REASONS]
    by_month = [(source, month, texts) for month, source, _, texts in rows.months]
    diversity = [(line["source"], line["month"], f"{line['distinct']:.0%}") for line in ledger["diversity"]]
    sections = [
        f"<h1>Dataset {html.escape(version)}: {ledger['kept']:,} of {ledger['rows_in']:,} rows kept</h1>",
        *[
            f"<p class=warning><b>{html.escape(w['name'])}</b>: {html.escape(w['detail'])}</p>"
            for w in ledger["warnings"]
        ],
        "<h2>Where the rows went</h2>",
        bars([("kept", ledger["kept"]), *[line for line in rejected if line[1]]]),
        "<h2>Length of the texts as they came, characters</h2>",
        bars(in_hundreds(rows.before)),
        "<h2>Length of the kept texts, characters</h2>",
        bars([(f"{chars}–{chars + 9}", count) for chars, count in rows.after]),
        "<h2>Kept texts by source and sign</h2>",
        cross_table([(line["source"], line["sign"], line["kept"]) for line in ledger["by_source_sign"]]),
        "<h2>Kept texts by source and month</h2>",
        cross_table(by_month),
        *[
            f"<details><summary>{html.escape(source)} by sign and month</summary>"
            + cross_table([(sign, month, texts) for month, own, sign, texts in rows.months if own == source])
            + "</details>"
            for source in sorted({source for source, _, _ in by_month})
        ],
        "<h2>How much of what a source says differs</h2>",
        table(("source", "month", "different phrases"), diversity) if diversity else "<p>Too few texts.</p>",
        "<h2>Sources that tell the same stories</h2>",
        network(rows.shared) if rows.shared else "<p>None.</p>",
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


def in_hundreds(tens: Table) -> List[Tuple[str, int]]:
    counts: Counter = Counter()
    for chars, texts in tens:
        counts[chars // 100 * 100] += texts
    return [(f"{chars}–{chars + 99}", counts[chars]) for chars in sorted(counts)]


def network(shared: Table) -> str:
    """Sources on a circle, a line where two share clusters, the thicker the more; and the numbers."""
    names = sorted({name for line in shared for name in line[:2]})
    middle, radius, most = 260, 190, max(count for _, _, count in shared)
    at = {
        name: (
            middle + radius * math.cos(2 * math.pi * place / len(names)),
            middle + radius * math.sin(2 * math.pi * place / len(names)),
        )
        for place, name in enumerate(names)
    }
    lines = [
        f'<line x1="{at[a][0]:.0f}" y1="{at[a][1]:.0f}" x2="{at[b][0]:.0f}" y2="{at[b][1]:.0f}" '
        f'stroke="#5b7db1" stroke-width="{1 + 9 * count / most:.1f}"><title>{count}</title></line>'
        for a, b, count in shared
    ]
    labels = [
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="5" /><text x="{x:.0f}" y="{y - 9:.0f}" text-anchor="middle">'
        f"{html.escape(name)}</text>"
        for name, (x, y) in at.items()
    ]
    drawing = f"<svg width={2 * middle} height={2 * middle}>{''.join(lines + labels)}</svg>"
    return drawing + table(("source", "source", "common clusters"), shared)


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
