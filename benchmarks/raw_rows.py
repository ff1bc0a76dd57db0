"""Raw rows by the million, as the crawler would have stored them: in comes a number of rows, out come run
folders with parts and manifests.

    python -m benchmarks.raw_rows --rows 1000000 --output FOLDER

Texts are drawn word by word from small lists, so most runs of three words are rare, as in prose. Every tenth
row repeats another one's text; lengths and flaws (tags, button labels, doubled spaces) come as often as in
real archives. The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import multiprocessing
import sys
from functools import partial
from pathlib import Path

import numpy as np

SIGNS = [
    "aries",
    "taurus",
    "gemini",
    "cancer",
    "leo",
    "virgo",
    "libra",
    "scorpio",
    "sagittarius",
    "capricorn",
    "aquarius",
    "pisces",
]
TOPICS = [
    "general",
    "love",
    "business",
    "health",
    "career",
    "finance",
    "erotic",
    "anti",
    "cook",
    "mobile",
    "family",
    "beauty",
    "man",
    "woman",
    "teen",
    "flirt",
    "friends",
]
SOURCES = [f"site_{number:02d}" for number in range(18)]
ROWS_OF_A_DAY = len(SIGNS) * len(TOPICS)
FIRST = dt.date(2020, 1, 1)
HEADER = "horoscope_id,date,sign,topic,period,language,text,source,url,printed_date,strategy,fetched_at\n"

SLOTS = [
    "Утром|Днём|Вечером|Сегодня|Завтра|Неожиданно|Постепенно|Осторожно|Спокойно|Снова|Впервые|Наконец|Тихо|Быстро|Внезапно|"
    "Однажды|Порой|Нередко|Всегда|Иногда",
    "старый|новый|верный|далёкий|близкий|мудрый|весёлый|строгий|щедрый|упрямый|добрый|редкий|тёплый|светлый|робкий|смелый|"
    "чуткий|занятой|бодрый|усталый",
    "друг|сосед|коллега|начальник|родственник|попутчик|учитель|врач|партнёр|покупатель|мастер|гость|брат|ребёнок|художник|"
    "шофёр|писатель|садовник|повар|моряк",
    "предложит|подскажет|напомнит|обещает|покажет|принесёт|объяснит|откроет|подарит|вернёт|отложит|начнёт|закончит|исправит|"
    "найдёт|изменит|сохранит|попросит|примет|решит",
    "важное|простое|трудное|забытое|приятное|полезное|выгодное|странное|большое|малое|срочное|тайное|семейное|денежное|"
    "сердечное|рабочее|личное|общее|давнее|свежее",
    "дело,|письмо,|решение,|обещание,|знакомство,|путешествие,|задание,|желание,|событие,|правило,|средство,|известие,|"
    "занятие,|чувство,|место,|слово,|начало,|свидание,|подозрение,|открытие,",
    "если|когда|пока|хотя|поэтому|ведь|чтобы|зато|где|куда",
    "терпение|внимание|доверие|спокойствие|упорство|мужество|молчание|участие|здоровье|настроение|влияние|воображение|"
    "умение|согласие|прощение|любопытство|хладнокровие|благородство|остроумие|чутьё",
    "окажется|станет|придёт|поможет|сработает|вырастет|победит|пригодится|вернётся|останется|удивит|обрадует|согреет|"
    "утешит|ободрит|выручит|спасёт|убедит|научит|защитит",
    "вовремя.|недаром.|кстати.|надолго.|навсегда.|сполна.|напрасно.|втройне.|взаимно.|искренне.|щедро.|заново.|понемногу.|"
    "исподволь.|наяву.|сообща.|воочию.|заслуженно.|неспроста.|своевременно.",
]
WIDTH = max(slot.count("|") for slot in SLOTS) + 1
WORDS = np.array([(slot.split("|") * WIDTH)[:WIDTH] for slot in SLOTS], object)
SENTENCES = np.array([2, 3, 4, 5, 6, 7, 8, 9])
OFTEN = np.array([0.14, 0.22, 0.14, 0.14, 0.12, 0.10, 0.08, 0.06])
POOL = 20_000
"""Texts that agencies sell to everyone: each tenth row is one of them."""
FLAWS = {
    0.06: lambda text: f"{text} Читать далее",
    0.10: lambda text: text.replace(". ", ".  "),
    0.13: lambda text: text.replace(". ", ".<br/>", 1),
    0.16: lambda text: f"<p>{text}</p>",
}
"""Up to which draw each flaw is given."""


def texts(rng: np.random.Generator, count: int) -> list[str]:
    lengths = rng.choice(SENTENCES, count, p=OFTEN)
    picks = rng.integers(0, WIDTH, (lengths.sum(), len(SLOTS)))
    sentences = [" ".join(words) for words in WORDS[np.arange(len(SLOTS)), picks]]
    ends = np.cumsum(lengths)
    return [" ".join(sentences[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


def pool(seed: int) -> list[str]:
    return texts(np.random.default_rng([seed, 1]), POOL)


def flawed(text: str, draw: float) -> str:
    return next((spoil(text) for limit, spoil in FLAWS.items() if draw < limit), text)


def part(seed: int, run: int, rows: int, shared: list[str]) -> tuple[str, str, bytes]:
    """Day, source and CSV of one run."""
    day, source = str(FIRST + dt.timedelta(days=run // len(SOURCES))), SOURCES[run % len(SOURCES)]
    rng = np.random.default_rng([seed, 2, run])
    own, draws, is_shared = texts(rng, rows), rng.random(rows), rng.random(rows) < 0.1
    picks = rng.choice(
        POOL, rows, replace=False
    )  # none twice in one file: peers break such ties by their own order
    at, lines = f"{day}T06:00:00+00:00", [HEADER]
    for n in range(rows):
        sign, topic = SIGNS[n % 12], TOPICS[n // 12 % 17]
        text = (
            flawed(shared[picks[n]] if is_shared[n] else own[n], draws[n]) if n else ""
        )  # one row in 204 is blank
        said = "\x1f".join((source, day, sign, topic, "day", "ru", text))
        name = hashlib.sha256(said.encode()).hexdigest()[:32]
        url = f"https://{source}.example/{sign}/{topic}/{day}"
        lines.append(f'{name},{day},{sign},{topic},day,ru,"{text}",{source},{url},{day},heading,{at}\n')
    return day, source, "".join(lines).encode()


def write_run(root: Path, seed: int, rows: int, shared: list[str], run: int) -> int:
    count = min(ROWS_OF_A_DAY, rows - run * ROWS_OF_A_DAY)
    day, source, content = part(seed, run, count, shared)
    name = f"{day.replace('-', '')}T060000Z-{run:08x}"
    folder = root / "raw" / f"date={day}" / f"source={source}" / f"run={name}"
    folder.mkdir(parents=True)
    (folder / "part-0000.csv").write_bytes(content)
    described = {"name": "part-0000.csv", "rows": count, "bytes": len(content)}
    described["sha256"] = hashlib.sha256(content).hexdigest()
    manifest = {"schema": 1, "run": name, "outcome": "complete", "rows": count, "parts": [described]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return len(content)


def write_raw(root: Path, rows: int, seed: int = 1, first_run: int = 0) -> int:
    """Runs of all sources day by day, from the `first_run`-th on. Returns the bytes of their parts."""
    shared = pool(seed)
    runs = range(first_run, first_run + -(-rows // ROWS_OF_A_DAY))
    work = partial(write_run, root, seed, first_run * ROWS_OF_A_DAY + rows, shared)
    if len(runs) < 100:
        return sum(map(work, runs))
    with multiprocessing.Pool() as workers:
        return sum(workers.imap_unordered(work, runs, chunksize=50))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.raw_rows", description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True, help="storage root; raw/ is made under it")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    size = write_raw(arguments.output, arguments.rows, arguments.seed)
    print(json.dumps({"step": "raw-rows", "outcome": "done", "rows": arguments.rows, "bytes": size}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
