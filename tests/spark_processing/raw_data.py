"""Raw runs made by hand: rows in, a run folder with its part and manifest out, as the scraper writes them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

COLUMNS = (
    "horoscope_id", "date", "sign", "topic", "period", "language",
    "text", "source", "url", "printed_date", "strategy", "fetched_at",
)  # fmt: skip

SENTENCES = (
    "Утро подарит ясную голову, и сложный разговор пройдёт спокойно.",
    "Днём загляните к друзьям: новости окажутся приятными.",
    "Не спешите с покупками — лучшая цена появится ближе к выходным.",
    "Коллеги заметят ваше усердие, и похвала прозвучит при всех.",
    "Вечер посвятите дому, тёплому ужину и тишине.",
    "Старое письмо напомнит о важном обещании, которое пора исполнить.",
    "Деньги придут оттуда, откуда вы их не ждали.",
    "Прогулка у воды вернёт силы лучше долгого сна.",
    "Доверьтесь интуиции, но проверьте каждую цифру дважды.",
    "Близкий человек ждёт не совета, а простого внимания.",
)


def text_of(seed: int, sentences: int = 6) -> str:
    """A clean text of about 340 characters; other seeds give other texts."""
    start = [SENTENCES[(seed * 7 + step * (seed // 10 + 1)) % len(SENTENCES)] for step in range(sentences)]
    return " ".join([f"Звёзды обещают день номер {seed}.", *start])


def row(**changes: str) -> dict[str, str]:
    made = {
        "date": "2026-11-23",
        "sign": "leo",
        "topic": "general",
        "period": "day",
        "language": "ru",
        "text": text_of(1),
        "source": "ru74",
        "url": "http://127.0.0.1/leo",
        "printed_date": "23 ноября",
        "strategy": "heading",
        "fetched_at": "2026-11-23T06:00:00+00:00",
        **changes,
    }
    said = [made[name] for name in ("source", "date", "sign", "topic", "period", "language", "text")]
    identity = hashlib.sha256("\x1f".join(said).encode()).hexdigest()[:32]
    return {"horoscope_id": identity, **made}


def write_run(
    root: Path, rows: list[dict[str, str]], run: str = "20261123T060000Z-00000001", **manifest
) -> Path:
    """The run's folder; `manifest` overrides fields of manifest.json."""
    first = rows[0] if rows else row()
    folder = (
        root
        / "raw"
        / f"date={first['date'] or '2026-11-23'}"
        / f"source={first['source'] or 'x'}"
        / f"run={run}"
    )
    folder.mkdir(parents=True)
    content = to_csv(rows)
    (folder / "part-0000.csv").write_bytes(content)
    part = {"name": "part-0000.csv", "rows": len(rows), "bytes": len(content)}
    part["sha256"] = hashlib.sha256(content).hexdigest()
    state = {"schema": 1, "run": run, "outcome": "complete", "rows": len(rows), "parts": [part], **manifest}
    (folder / "manifest.json").write_text(json.dumps(state))
    return folder


def to_csv(rows: list[dict[str, str]]) -> bytes:
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue().encode()
