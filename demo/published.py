"""Published days without a model, to look at the page, the API and the bot at once.

    python -m demo.published --storage data/demo
    python -m serving.api --storage data/demo

A folder in; yesterday, today and tomorrow in Moscow out, twelve signs and six topics, in the format of
DATA_FORMAT.md, with texts from the grammar of the demo sites. The days say that no model wrote them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from demo.grammar import page

SITES = {
    "general": "74.ru",
    "love": "orakul.com",
    "business": "goroskop365.ru",
    "health": "orakul.com",
    "career": "orakul.com",
    "finance": "gadalkindom.ru",
}
"""Topic → the demo site whose texts are shown."""
DISCLAIMER = "Показательный текст: составлен по шаблонам, без нейросети."


def document(day: dt.date) -> dict[str, Any]:
    """One whole day as `serving` reads it."""
    texts = [
        {"sign": sign, "topic": topic, "language": "ru", "text": text, "chars": len(text), "seed": 0}
        | {"candidates": 1, "gates": {}, "model_version": "0"}
        for topic, site in SITES.items()
        for sign, text in page(day, topic, site).items()
    ]
    model = {"name": "demo grammar", "version": "0", "run_id": "", "dataset_version": "", "sources": []}
    made_at = dt.datetime.combine(day, dt.time(), dt.UTC) - dt.timedelta(hours=12)
    return {
        "schema": 1,
        "date": str(day),
        "generated_at": made_at.isoformat(),
        "status": "champion",
        "model": model,
        "disclaimer": DISCLAIMER,
        "texts": texts,
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m demo.published",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--storage", type=Path, default=Path("data/demo"), help="folder (default: data/demo)")
    args = parser.parse_args(argv)
    today = dt.datetime.now(ZoneInfo("Europe/Moscow")).date()
    for offset in (-1, 0, 1):
        day = today + dt.timedelta(days=offset)
        target = args.storage / "published" / f"date={day}" / "horoscopes.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(document(day), ensure_ascii=False, indent=1), encoding="utf-8")
        aside.replace(target)
    summary = {
        "step": "demo_published",
        "outcome": "done",
        "rows_in": 0,
        "rows_out": 3,
        "storage": str(args.storage),
    }
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
