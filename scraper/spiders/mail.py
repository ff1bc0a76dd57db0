"""horo.mail.ru: a page a sign, yesterday to tomorrow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import TODAY, TOMORROW, WORDS, YESTERDAY, HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import Article


class MailSpider(HoroscopeSpider):
    """Four designs since 2024, newest first; the date is printed as «Прогноз на 28 марта» or in a calendar
    leaf.
    """

    name = "mail"
    reach = (YESTERDAY, TODAY, TOMORROW)
    dated_by = (
        "near:Прогноз на",
        ".p-prediction__date__text",
        "span[data-qa=Text]",
    )
    strategies = (
        Article("microdata", "main[itemprop=articleBody] p"),
        Article("data-qa", "main[data-qa=ArticleLayout] [article-item-type=html] p"),
        Article("item-type", "[article-item-type=html] p"),
        Article("classes-2024", ".article_prediction .article__item_html p"),
    )

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for sign in SIGNS:
            yield Page(f"https://horo.mail.ru/prediction/{sign}/{WORDS[ahead]}/", sign)
