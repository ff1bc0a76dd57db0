"""What may not be kept any more: the list `raw/forgotten.json` under the storage."""

from __future__ import annotations

import datetime as dt
import json

from scraper.days import MOSCOW
from scraper.items import HoroscopeItem
from scraper.storage import StorageError, file_system, reading

FORGOTTEN = "raw/forgotten.json"


class Forgotten(StorageError):
    """The source of a run may not be kept any more."""


def forgotten(root: str) -> list[dict[str, str]]:
    """What was asked to be forgotten: `source`, and `url` if only one page was."""
    files, base = file_system(root)
    path = f"{base}/{FORGOTTEN}"
    with reading(root):
        body = files.cat_file(path) if files.exists(path) else b'{"forgotten": []}'
    try:
        return list(json.loads(body)["forgotten"])
    except (ValueError, LookupError) as error:
        raise StorageError(
            f"expected the list of what was forgotten, found {error!r}, in {path}; mend it by hand"
        ) from error


def forgotten_sources(root: str) -> set[str]:
    """Sources of which nothing may be collected any more."""
    return {entry["source"] for entry in forgotten(root) if not entry.get("url")}


class ForgottenPages:
    """Single pages that were forgotten, each with the day up to which: an address that is the same every day
    may carry another text tomorrow.
    """

    def __init__(self, root: str) -> None:
        self.until = {
            (entry["source"], entry["url"]): moscow_date(entry["since"])
            for entry in forgotten(root)
            if entry.get("url")
        }

    def __contains__(self, row: HoroscopeItem) -> bool:
        return row.date <= self.until.get((row.source, row.url), "")


def moscow_date(instant: str) -> str:
    return dt.datetime.fromisoformat(instant).astimezone(MOSCOW).date().isoformat()
