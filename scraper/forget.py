"""Remove what a source said from `raw/`, and tell which datasets and models have seen it.

    python -m scraper.forget --source orakul --storage data
    python -m scraper.forget --source orakul --url https://orakul.com/horoscope/astrologic/love/leo/today.html

Runs under `raw/` come in; runs without those rows go out, kept pages and cached answers go too, and
`raw/forgotten.json` remembers what must not come back: collecting skips a forgotten source and importing
refuses it, both drop what a forgotten page said up to that day. What the dataset and models hold is listed
with the command that cleans it. Exit codes: 0 done (also when nothing was there),
1 a run is damaged, 2 wrong arguments or environment.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scraper.days import utc_instant
from scraper.forgotten import FORGOTTEN, forgotten, forgotten_sources
from scraper.http_cache import forget_answers
from scraper.items import HoroscopeItem
from scraper.kept_pages import forget_pages
from scraper.ledger import run_id
from scraper.outcome import last_line
from scraper.runs import Aside, RunWriter, manifests, one_removes, read_rows, remove_run, render_json
from scraper.storage import StorageError, file_system, is_remote


def main(argv: list[str] | None = None) -> int:
    known = argparse.ArgumentParser(prog="python -m scraper.forget", description=__doc__.split("\n")[0])
    known.add_argument("--source", required=True, metavar="S", help="the source, as in the column `source`")
    known.add_argument("--url", metavar="U", help="only what came from this page")
    known.add_argument(
        "--storage", default=os.environ.get("HOROSCOPE_STORAGE", "data"), help="folder or s3://"
    )
    known.add_argument(
        "--pages",
        default=os.environ.get("HOROSCOPE_KEEP_PAGES", ".cache/pages"),
        help="where pages of live sites are kept (default $HOROSCOPE_KEEP_PAGES or .cache/pages)",
    )
    arguments = known.parse_args(argv)
    started = time.monotonic()
    if not re.fullmatch(r"[a-z0-9_]+", arguments.source):
        known.error(f"expected a name of a-z, 0-9 and _, found {arguments.source!r}, in --source")
    try:
        with one_removes(arguments.storage):
            remember(arguments.storage, arguments.source, arguments.url)
            rows_in, removed = forget(arguments.storage, arguments.source, arguments.url)
        forget_answers(Path(os.environ.get("HOROSCOPE_HTTP_CACHE", ".cache/http")), arguments.source)
        pages = forget_pages(Path(arguments.pages), arguments.source, arguments.url)
        parts, models = seen_by(arguments.storage, arguments.source)
    except StorageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"--storage {arguments.storage} or --pages {arguments.pages}"
        print(f"error: expected files that can be removed, found {error}, in {where}", file=sys.stderr)
        return 2
    for what, names in (("dataset parts", parts), ("models", models)):
        print(f"forget: {what} that saw {arguments.source}: {', '.join(names) or 'none'}", file=sys.stderr)
    if parts:
        how = "--rebuild" if arguments.url else f"--forget {arguments.source}"
        command = f"python -m spark_processing.clean_job {how} --storage {arguments.storage}"
        print(f"forget: the next dataset leaves them out after {command}; then train anew", file=sys.stderr)
    own = {"removed": removed, "pages": pages, "dataset_parts": parts, "models": models}
    print(last_line("forget", "done", rows_in, rows_in - removed, time.monotonic() - started, **own))
    return 0


def remember(root: str, source: str, url: str | None) -> None:
    entry = {"source": source} | ({"url": url} if url else {})
    entries = [known for known in forgotten(root) if {**known, "since": ""} != {**entry, "since": ""}]
    entries.append(entry | {"since": utc_instant()})
    write_whole(root, FORGOTTEN, render_json({"schema": 1, "forgotten": entries}))


def forget(root: str, source: str, url: str | None) -> tuple[int, int]:
    """(rows looked at, rows removed). A run is replaced first and removed then, so nothing else is ever
    lost.
    """
    rows_in = removed = 0
    whole = source in forgotten_sources(root)
    for run, manifest in list(manifests(root, source)):
        rows = list(read_rows(root, run, manifest))
        kept = [] if whole else [row for row in rows if row["url"] != url]
        rows_in += len(rows)
        removed += len(rows) - len(kept)
        if len(kept) == len(rows) and rows:
            continue
        if kept:
            replace_run(root, manifest, kept)
        remove_run(root, run)
    if whole or not is_remote(root):  # elsewhere such a run may be on its way into the bucket
        remove_leftovers(root, source)
    return rows_in, removed


def remove_leftovers(root: str, source: str) -> None:
    """Runs without a manifest, of which nobody else knows: an earlier forget was killed over them."""
    files, base = file_system(root)
    for run in files.glob(f"{base}/raw/date=*/source={source}/run=*"):
        if not files.exists(f"{run}/manifest.json"):
            files.rm(run, recursive=True)


def replace_run(root: str, manifest: dict[str, Any], rows: list[dict[str, str]]) -> None:
    aside = Aside(root, run_id())
    writer = RunWriter(aside, dt.date.fromisoformat(manifest["date"]), manifest["source"], aside.folder.name)
    writer.write_part([HoroscopeItem(**row) for row in rows])
    kept = {key: manifest[key] for key in manifest.keys() - {"run", "rows", "parts", "schema"}}
    writer.publish(kept | {"warnings": [*kept.get("warnings", []), "rows were removed by scraper.forget"]})
    aside.close()


def seen_by(root: str, source: str) -> tuple[list[str], list[str]]:
    """(dataset parts, models) that hold or have learnt from the source."""
    parts = [
        path.split("/")[-2].removeprefix("part=")
        for path, ledger in documents(root, "processed/part=*/ledger.json")
        if any(line["source"] == source for line in ledger["by_source_sign"])
    ]
    models = [
        path.removesuffix("/training.json")
        for pattern in ("models/*/training.json", "registry/artifacts/**/training.json")
        for path, training in documents(root, pattern)
        if source in training.get("sources", [])
    ]
    return parts, models


def documents(root: str, pattern: str) -> Iterator[tuple[str, dict[str, Any]]]:
    files, base = file_system(root)
    for path in sorted(map(str, files.glob(f"{base}/{pattern}"))):
        yield path.removeprefix(f"{base}/"), json.loads(files.cat(path))


def write_whole(root: str, path: str, text: str) -> None:
    """By a rename, or by the one PUT that a bucket makes of a small file."""
    files, base = file_system(root)
    target = f"{base}/{path}"
    files.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
    aside = target if "s3" in files.protocol else f"{target}.{os.getpid()}"
    files.pipe_file(aside, text.encode())
    if aside != target:
        os.replace(aside, target)  # noqa: PTH105  the atomic step, by its name


if __name__ == "__main__":
    sys.exit(main())
