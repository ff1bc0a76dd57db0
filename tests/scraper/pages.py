# ruff: noqa: E501  pages are clearer on their own lines
"""Small pages in the structure of the real sites, with texts of our own, and an archive of snapshots that serves them."""

import datetime as dt
import http.server
import json
import threading
import time
from pathlib import Path

from scrapy.http import HtmlResponse

from scraper.items import SIGNS

DAY = dt.date(2026, 11, 20)
NAMES = dict(
    zip(
        SIGNS,
        [
            "Овен",
            "Телец",
            "Близнецы",
            "Рак",
            "Лев",
            "Дева",
            "Весы",
            "Скорпион",
            "Стрелец",
            "Козерог",
            "Водолей",
            "Рыбы",
        ],
        strict=True,
    )
)
PLURALS = dict(
    zip(
        SIGNS,
        [
            "Овнов",
            "Тельцов",
            "Близнецов",
            "Раков",
            "Львов",
            "Дев",
            "Весов",
            "Скорпионов",
            "Стрельцов",
            "Козерогов",
            "Водолеев",
            "Рыб",
        ],
        strict=True,
    )
)
MONTHS = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
]


def text_of(sign, topic="general", day=DAY):
    """A text that no other sign, topic or day has."""
    return f"{NAMES[sign]} встретит {day:%d.%m} без спешки: тема «{topic}» подскажет, с чего начать утро и кому позвонить."


def russian(day):
    return f"{day.day} {MONTHS[day.month - 1]}"


def ru74_page(day, topic="general", text=text_of):
    blocks = "".join(
        f'<div class="forecastBlock_on0yT"><div class="head_x1"><h2>Гороскоп для {PLURALS[sign]}</h2>'
        f"<span>21 марта — 20 апреля</span></div><div><p>{text(sign, topic, day)}</p></div>"
        "<button>Показать полностью</button></div>"
        for sign in SIGNS
    )
    return (
        '<html><head><meta charset="utf-8"></head><body><div id="app"><h1>Гороскоп на сегодня</h1>'
        f"<p>Прогноз на {russian(day)}. Обновлено {day:%d.%m.%Y} в 00:01</p>{blocks}"
        "<h2>Читайте также</h2><p>Что посадить в ноябре на подоконнике, рассказывает опытный садовод.</p></div><footer><p>Подпишитесь на нашу рассылку, чтобы получать новости города каждое утро.</p></footer></body></html>"
    )


def retrofm_page(day, topic="general", text=text_of):
    boxes = "".join(
        f'<div class="text_box"><h6>{NAMES[sign]}</h6>\n\t\t\t\t\t\t\t{text(sign, topic, day)}\n\t\t\t\t\t\t\t</div>'
        for sign in SIGNS
    )
    return (
        '<html><body><div id="all_wrapper"><div class="horoscope_list"><div class="text_box"><h6>Гороскоп</h6>'
        f"Выберите свой знак, чтобы прочитать прогноз на день вперёд.</div>{boxes}</div></div><p>Слушайте нас в эфире и читайте гороскоп на сайте каждый день без выходных.</p></body></html>"
    )


def newsler_page(day, topic="general", text=text_of):
    blocks = "".join(
        f'<div class="col-xs-12 col-md-6"><div class="horoscope-block"><div class="ico"><span class="t">{NAMES[sign]}</span></div>'
        f'<div class="text">{text(sign, topic, day)}</div></div></div>'
        for sign in SIGNS
    )
    return f'<html><body><div class="middle"><div class="horoscope-row">{blocks}</div></div></body></html>'


def astroscope_page(day, sign, text=text_of):
    others = "".join(f'<a href="//astroscope.ru/{s}.html">Гороскоп на сегодня {NAMES[s]}</a>' for s in SIGNS)
    return (
        f"<html><body><h1>Ежедневный гороскоп {NAMES[sign]}</h1><p class='card-text'>«Звёзды не спешат»</p>"
        f"<h2>Гороскоп {NAMES[sign]} на сегодня</h2><div><small>{day:%d.%m.%Y}</small></div>"
        f"<p class='p-3'>{text(sign, 'general', day)}</p><p>Счастливые числа: 6, 5.</p><h2>Совместимость</h2><p>Узнайте, какой знак подходит вам больше всего, в разделе о совместимости знаков.</p><div>{others}</div></body></html>"
    )


def pages_of_day(day):
    """(host, path) → body for the four sites, as they stood on that day."""
    pages = {
        ("74.ru", "/horoscope/daily/"): ru74_page(day),
        ("retrofm.ru", "/goroskop"): retrofm_page(day),
        ("www.newsler.ru", "/horoscope"): newsler_page(day),
    }
    for topic in ("erotic", "anti", "business", "health", "cook", "love", "mobile"):
        pages["www.newsler.ru", f"/horoscope/{topic}"] = newsler_page(day, topic)
    for sign in SIGNS:
        pages["astroscope.ru", f"/horoskop/ejednevniy_goroskop/{sign}.html"] = astroscope_page(day, sign)
    return pages


class Archive:
    """A snapshot archive on loopback. `changes[host, path](day)` replaces a page: a body, a status, or
    (status, body, headers)."""

    def __init__(self):
        self.changes = {}
        self.asked = []
        self.times = []
        archive = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                archive.asked.append((self.path, dict(self.headers)))
                archive.times.append((self.path, time.monotonic()))
                status, body, headers = archive.answer(self.path)
                self.send_response(status)
                for name, value in (
                    {"Content-Type": "text/html", "Content-Length": str(len(body))} | headers
                ).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path):
        _, day, host, rest = path.split("/", 3)
        rest = "/" + rest
        day = dt.date.fromisoformat(day)
        change = self.changes.get((host, rest))
        if change:
            body = change(day)
        else:
            body = (
                "User-agent: *\nAllow: /\n"
                if rest == "/robots.txt"
                else pages_of_day(day).get((host, rest), 404)
            )
        status, body, headers = (
            body if isinstance(body, tuple) else (body, "", {}) if isinstance(body, int) else (200, body, {})
        )
        return status, body.encode() if isinstance(body, str) else body, headers

    def paths_asked_of(self, host):
        return ["/" + path.split("/", 3)[3] for path, _ in self.asked if path.split("/")[2] == host]


def respond(body, url="https://example.test/", content_type="text/html"):
    body = body.encode() if isinstance(body, str) else body
    return HtmlResponse(url, body=body, headers={"Content-Type": content_type})


def manifests_under(storage):
    return {
        (m["date"], m["source"], m["run"]): m
        for m in (
            json.loads(path.read_text())
            for path in Path(storage).glob("raw/date=*/source=*/run=*/manifest.json")
        )
    }
