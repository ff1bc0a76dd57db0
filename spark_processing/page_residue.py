"""What is on the page but is not the horoscope: headings, advertising, links, labels of buttons.

In comes a text with single spaces, out comes the text without them. A sentence that sells is dropped whole:
half of it would teach a model more than none.
"""

from __future__ import annotations

import re
from typing import List

_SIGN = (
    "овен|овны|телец|тельцы|близнецы|рак|раки|лев|львы|дева|девы|весы|скорпион|скорпионы|стрелец|стрельцы|"
    "козерог|козероги|водолей|водолеи|рыбы|aries|taurus|gemini|cancer|leo|virgo|libra|scorpio|sagittarius|"
    "capricorn|aquarius|pisces"
)
_SIGN_OF = (
    "овна|овнов|тельца|тельцов|близнецов|рака|раков|льва|львов|девы|дев|весов|скорпиона|скорпионов|стрельца|"
    "стрельцов|козерога|козерогов|водолея|водолеев|рыб"
)
_DAY = r"(?:сегодня|завтра|\d{1,2}(?:\.\d{1,2}(?:\.\d{2,4})?| [а-я]+(?: \d{4}(?: года)?)?))"
_HEADING = re.compile(
    rf"\A\W*(?:(?:{_SIGN})(?:\s*\([^)]{{3,40}}\))?\s*(?::|\.|\s[—-])\s+|"
    rf"(?:[а-яё-]+ )?гороскоп(?:,? (?:на|для) (?:{_DAY}|{_SIGN_OF})){{1,3}}\s*[:.]\s+)",
    re.IGNORECASE,
)
HEADING_STARTS = rf"(?:{_SIGN})\s*[(:.—-]|(?:[а-яё-]+ )?гороскоп"
"""How the lower-cased text behind each match of the heading begins, without look-around."""

_ADVERT = re.compile(
    "|".join(
        (
            r"подписывай(?:ся|тесь) на",
            r"подпиши(?:сь|тесь)",
            r"(?:телеграм|telegram)-канал",
            r"наш(?:ем|его|а|у|ей)? (?:телеграм|канал|сайт|групп|приложени)",
            r"мы в (?:вк|телеграм|вконтакте|соцсетях)",
            r"промокод|рекламодатель|\berid\b|на правах рекламы|все права защищены|по ссылке",
            r"(?:читайте|читать|смотрите) также|читайте (?:на|в) наш",
            r"узна(?:йте|ть) (?:подробнее|больше|точный|свой)",
            r"зака(?:жите|зать) (?:персональн|индивидуальн|расч[её]т|натальн|гороскоп|консультаци)",
            r"(?:персональный|индивидуальный|платный) (?:гороскоп|прогноз)|консультаци[яию] астролога",
            r"скача(?:йте|ть) (?:приложени|гороскоп)",
            r"(?:жмите|нажмите|кликните|перейдите) (?:на|по|сюда|здесь)",
            r"поставьте лайк|дел(?:ись|итесь) с друзьями в",
            r"(?:\A|[.!?…] )(?:фото|источник|автор|реклама|текст)[:.]",
        )
    ),
    re.IGNORECASE,
)
_CONTACT = re.compile(
    "|".join(
        (
            r"https?://\S+",
            r"\bwww\.\S+",
            r"(?<![\w@])[\w-]+\.(?:ru|com|net|org|su|info|рф|me)\b(?:/\S*)?",
            r"[\w.+-]+@[\w-]+\.[\w.]+",
            r"(?<!\w)@\w{3,}",
            r"(?<!\d)(?:\+7|8)[\s(-]*\d{3}[\s)-]*\d{3}[\s-]*\d{2}[\s-]*\d{2}(?!\d)",
        )
    ),
    re.IGNORECASE,
)
_LABEL = (
    r"(?i:читать (?:далее|дальше|полностью|ещ[её])|показать (?:полностью|ещ[её]|больше)|подробнее|развернуть|"
    r"свернуть|поделиться|комментировать|комментарии|версия для печати|распечатать|на главную|в избранное|"
    r"read more|show more|share)[\s.…:»>→]*"
)
_RESIDUE = re.compile(rf"(?:\A|(?<=[.!?…»)]))\s*{_LABEL}(?=\Z|[А-ЯЁA-Z«])|\s(?=[А-ЯA-Z]){_LABEL}\Z")
_STRAY = re.compile(r"#\w*|@")

_WORD = re.compile(r"[^\W_]+")
_LATIN_OR_DIGIT = re.compile("[A-Za-z@#+0-9]")
MARKERS = frozenset(
    _WORD.findall(
        "автор астролога вк вконтакте главную группе группу делись делитесь жмите заказать закажите "
        "защищены избранное индивидуальный источник канал канале кликните комментарии комментировать лайк "
        "нажмите перейдите печати персональный платный подпишись подпишитесь подписывайся подписывайтесь "
        "подробнее поделиться показать приложение приложении промокод развернуть распечатать реклама "
        "рекламодатель рекламы сайт сайта сайте свернуть скачать скачайте смотрите соцсетях рф ссылке текст "
        "телеграм узнайте узнать фото читайте читать"
    )
)
"""Each pattern above needs one of these words, a Latin letter or a number; most texts have none and are
spared them."""


def has_marker(text: str) -> bool:
    """The look before the steps below, `heading_removed` aside."""
    return bool(_LATIN_OR_DIGIT.search(text)) or not MARKERS.isdisjoint(_WORD.findall(text.lower()))


def has_heading(text: str) -> bool:
    """The look before `heading_removed`."""
    return _HEADING.match(text) is not None


def heading_removed(text: str) -> str:
    """`Овен (21 марта — 20 апреля): ` and `Гороскоп для Овнов на сегодня. ` say what the row knows."""
    return _HEADING.sub("", text)


def advert_removed(text: str) -> str:
    """Sentences that sell, link, or call the reader away are dropped whole; hashtags go alone."""
    if _ADVERT.search(text) or _CONTACT.search(text):
        text = " ".join(s for s in sentences(text) if not _ADVERT.search(s) and not _CONTACT.search(s))
    return _STRAY.sub("", text)


def residue_removed(text: str) -> str:
    """Labels of the page's buttons and links, between sentences or at the end."""
    return _RESIDUE.sub("", text)


_SENTENCE_END = re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][»)]))\s+(?=[«\"(—]?\s?[A-ZА-ЯЁ0-9@+])")


def sentences(text: str) -> List[str]:
    """A text with single spaces, cut into sentences; joined by a space they give the text again."""
    return _SENTENCE_END.split(text)
