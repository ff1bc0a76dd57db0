# ruff: noqa: E501  pages are clearer on their own lines
"""A page of every site in its structure, with texts of our own: (day, sign or None, topic) comes in, the body goes out."""

import datetime as dt
import json

from scraper.items import SIGNS
from tests.scraper.pages import (
    NAMES,
    astroscope_page,
    newsler_page,
    retrofm_page,
    ru74_page,
    russian,
    text_of,
)

WEEKDAYS = ("понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье")
ENGLISH = "Nov 20, 2026"


def frame(title, body):
    return (
        f'<!DOCTYPE html><html lang="ru"><head><title>{title}</title></head><body><nav><a href="/">Главная</a> <a href="/aries/">Все знаки</a></nav>'
        f"{body}<p>Подпишитесь на нашу рассылку, чтобы получать прогнозы и новости каждое утро.</p></body></html>"
    )


def rambler(day, sign, topic):
    return json.dumps(
        {
            "content": {
                "h1": f"Гороскоп на сегодня: {NAMES[sign]}",
                "text": [
                    {"type": "paragraph", "content": f"<p>{text_of(sign, topic, day)}</p>"},
                    {"type": "bubbles", "content": "Завтра"},
                ],
            }
        },
        ensure_ascii=False,
    )


def rambler_html(day, sign, topic):
    state = json.dumps(text_of(sign, topic, day), ensure_ascii=False)
    return frame(
        "Гороскоп",
        f'<h1>Гороскоп на сегодня — {NAMES[sign]}</h1><div itemprop="articleBody"><p class="_5yHoW">{text_of(sign, topic, day)}</p></div>'
        f'<script>window.s={{"grabContent":[{{"type":"paragraph","content":{state}}}],"date":"{day}"}}</script>',
    )


def mail(day, sign, topic):
    return frame(
        "Гороскоп",
        f'<h1 data-qa="Title">Гороскоп на сегодня: {NAMES[sign]}</h1><span data-qa="Text">Прогноз на {russian(day)}</span>'
        f'<main itemProp="articleBody" data-qa="ArticleLayout"><div article-item-type="html"><div><p>{text_of(sign, topic, day)}</p></div></div></main>',
    )


def mail_2024(day, sign, topic):
    return frame(
        "Гороскоп",
        f'<div class="p-prediction"><span class="p-prediction__date__text"><div>{day.day}</div><span>{russian(day).split()[1]}</span></span>'
        f'<h1 class="hdr__inner">Гороскоп на сегодня: {NAMES[sign]}</h1><div class="article article_prediction"><div class="article__text">'
        f'<div class="article__item article__item_html"><p>{text_of(sign, topic, day)}</p></div></div></div></div>',
    )


def goroskop1001(day, sign, topic):
    return frame(
        "Гороскоп",
        f'<h1 itemprop="name">{NAMES[sign]}: гороскоп на сегодня</h1><div itemprop="description"><p>{text_of(sign, topic, day)}</p></div>',
    )


def goroskop1001_week(day, sign, topic):
    monday = day - dt.timedelta(days=day.weekday())
    days = [monday + dt.timedelta(days=offset) for offset in range(7)]
    texts = "".join(
        f'<div class="date">{WEEKDAYS[d.weekday()]}, {russian(d)} </div><p>{text_of(sign, topic, d)}</p>'
        for d in days
    )
    return frame(
        "Неделя", f'<h1 itemprop="name">{NAMES[sign]}: неделя</h1><div itemprop="description">{texts}</div>'
    )


def gadalkindom(day, sign, topic):
    days = [day + dt.timedelta(days=offset) for offset in range(7)]
    texts = "".join(
        f'<i class="sprl">{WEEKDAYS[d.weekday()]}, {russian(d)}</i><div>{text_of(sign, topic, d)}</div>'
        for d in days
    )
    return frame(
        "Неделя",
        f'<h1>{NAMES[sign]}: гороскоп на неделю</h1><div class="goroskop-wrp"><div class="predskazanie"><div class="textp">'
        f'<div class="vvedenie"><p>{russian(days[0])} {day.year} года - {russian(days[-1])} {days[-1].year} года.</p></div>{texts}'
        f'<div class="podp">Прогноз с {days[0]:%d.%m.%Y} по {days[-1]:%d.%m.%Y}</div></div></div></div>',
    )


def goroskop365(day, sign, topic):
    return frame(
        "Гороскоп",
        f'<div id="content_wrapper"><h1>{NAMES[sign]}: гороскоп на сегодня</h1><div class="date">{russian(day)} {day.year}</div>'
        f'<div class="content_wrapper horoborder"><p>{text_of(sign, topic, day)}</p><p>Другие разделы</p></div></div>',
    )


def ignio(day, sign, topic):
    names = {"yesterday": -1, "today": 0, "tomorrow": 1, "tomorrow02": 2}
    days = {name: day + dt.timedelta(days=offset) for name, offset in names.items()}
    dates = " ".join(f'{name}="{d:%d.%m.%Y}"' for name, d in days.items())
    signs = "".join(
        f"<{s}>"
        + "".join(f"<{name}>\n{text_of(s, topic, d)}\n</{name}>" for name, d in days.items())
        + f"</{s}>"
        for s in SIGNS
    )
    return f'<?xml version="1.0" encoding="utf-8"?><horo><date {dates}/>{signs}</horo>'


def orakul(day, sign, topic):
    return frame(
        "Гороскоп",
        f'<div class="contentOnly"><h1>{NAMES[sign]}</h1><div class="sm-descr">{russian(day)} {day.year}</div>'
        f'<div class="horoBlock"><p>{text_of(sign, topic, day)}</p></div></div>',
    )


def thevoicemag(day, sign, topic):
    return frame(
        "Гороскоп",
        f'<h1>{NAMES[sign]}</h1><div class="sign__description-date"><span>{russian(day)}</span><span>{day.year}</span></div>'
        f'<div class="sign__description-text">{text_of(sign, topic, day)}</div>',
    )


def mycalend(day, sign, topic):
    items = "".join(
        f'<li><div class="goroskop-items-description"><div><a href="/goroskop/x">{NAMES[s]}</a></div><div>{text_of(s, topic, day)}</div></div></li>'
        for s in SIGNS
    )
    return frame("Гороскоп", f'<h1>Гороскоп</h1><ul class="goroskop-items">{items}</ul>')


def astrostar(day, sign, topic):
    return frame(
        "Гороскоп",
        f'<h1>{NAMES[sign]}</h1><div class="horoscopes-single-content horoscopes-single"><p>{text_of(sign, topic, day)}</p><p>Ещё</p></div>',
    )


def globalmsk(day, sign, topic):
    return frame(
        "Гороскоп",
        f'<div>СЕГОДНЯ {russian(day)} {day.year}. ЛУНА растёт</div><h1>{NAMES[sign]}</h1><div class="horoscope_text">{text_of(sign, topic, day)}</div>',
    )


def sevendays(day, sign, topic):
    return frame(
        "Гороскоп",
        f'<h1>{NAMES[sign]}</h1><div class="horoscope-7days__content_text">{text_of(sign, topic, day)}</div>',
    )


def hyrax(day, sign, topic):
    items = "".join(
        f"<item><title>{NAMES[s]}</title><description>{text_of(s, topic, day)}</description></item>"
        for s in SIGNS
    )
    moon = "<item><title>Лунный день</title><description>Луна растёт, и вместе с ней растут планы на ближайшие дни.</description></item>"
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{moon}{items}</channel></rss>'


def horoscopecom(day, sign, topic):
    printed = f"{day:%b} {day.day}, {day.year}"
    return frame(
        "Horoscope",
        f'<h1>{sign.title()} Horoscope</h1><main><div class="main-horoscope"><nav>Archive</nav><p><strong>{printed}</strong> - {text_of(sign, topic, day)}</p></div></main>'
        f'<script>ChatWidget.init({{sign:"{sign}", horoscopeDate:"{day:%Y%m%d}", horoscopeText:{json.dumps(text_of(sign, topic, day))}}})</script>',
    )


def of_all_signs(page):
    return lambda day, sign, topic: page(day, text=lambda s, _, d: text_of(s, topic, d))


PAGES = {
    "ru74": of_all_signs(ru74_page),
    "retrofm": of_all_signs(retrofm_page),
    "newsler": of_all_signs(newsler_page),
    "astroscope": lambda day, sign, topic: astroscope_page(day, sign),
    "rambler": rambler,
    "mail": mail,
    "goroskop1001": goroskop1001,
    "gadalkindom": gadalkindom,
    "goroskop365": goroskop365,
    "ignio": ignio,
    "orakul": orakul,
    "thevoicemag": thevoicemag,
    "mycalend": mycalend,
    "astrostar": astrostar,
    "globalmsk": globalmsk,
    "sevendays": sevendays,
    "hyrax": hyrax,
    "horoscopecom": horoscopecom,
}
OLDER_DESIGNS = {"rambler": rambler_html, "mail": mail_2024, "goroskop1001": goroskop1001_week}
"""What the same spider must read as well."""
CONTENT_TYPES = {
    "rambler": "application/json; charset=utf-8",
    "ignio": "text/xml",
    "hyrax": "text/xml; charset=windows-1251",
}
PRINTS_DATE = {
    "ru74",
    "astroscope",
    "mail",
    "gadalkindom",
    "goroskop365",
    "ignio",
    "orakul",
    "thevoicemag",
    "globalmsk",
    "horoscopecom",
}
