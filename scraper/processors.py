"""What a page says made a plain text: values of an ItemLoader field come in, cleaner values go out.

Only what needs the page is done here. Whatever can be redone from the text alone is the cleaning job's.
"""

from __future__ import annotations

import re
from typing import Any

from parsel import Selector

_SKIPPED = {"script", "style", "noscript", "template", "button", "svg"}
_INLINE = {
    "a",
    "abbr",
    "b",
    "em",
    "font",
    "i",
    "mark",
    "nobr",
    "s",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "u",
    "wbr",
}
_SPACES = re.compile(r"[\x00-\x20\x7f]+")  # not NBSP and its kin: those were published, cleaning decides
_RANGE = r"\d{1,2}\s+[а-яё]+\s*[—–-]\s*\d{1,2}\s+[а-яё]+"
_INTERFACE = re.compile(
    rf"(?:показать полностью|читать (?:далее|полностью|дал[её]е на сайте)|подробнее|свернуть|нравится|"
    rf"поделиться|подписаться|реклама|{_RANGE})[\s.…>»→]*",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"\s*(?<![^\s.!?…»])(?:Показать полностью|Читать (?:далее|полностью)|Поделиться|Подписаться)[\s.…>»→]*$"
)
TAIL_CHARS = 40
MIN_TEXT_CHARS = 40
MAX_TEXT_CHARS = 4000
MIN_LETTERS = 20


def node_text(value: Selector | Any) -> str:
    """Text of an element (of parsel or lxml) without scripts and buttons, neighbouring blocks kept apart."""
    root = value.root if isinstance(value, Selector) else value
    return root if isinstance(root, str) else "".join(_pieces(root))


def _pieces(element: Any) -> list[str]:
    pieces: list[str] = []
    # An explicit stack: a hostile page nests deeper than Python recurses.
    stack: list[Any] = [element]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            pieces.append(part)
            continue
        skipped = not isinstance(part.tag, str) or part.tag in _SKIPPED
        gap = "" if not skipped and part.tag in _INLINE else " "
        pieces.append(gap)
        if skipped:
            continue
        stack.append(gap)
        for child in reversed(part):
            stack.append(child.tail or "")
            stack.append(child)
        stack.append(part.text or "")
    return pieces


def single_spaces(text: str) -> str:
    """Runs of spaces, tabs, line breaks and control characters made one space; no-break spaces kept."""
    return _SPACES.sub(" ", text.encode("utf-8", "replace").decode()).strip(" ")


def without_interface_words(text: str) -> str | None:
    """A text without the site's buttons; None if it was nothing else (a button, a sign's date range)."""
    if _INTERFACE.fullmatch(text.strip("\xa0 ")):
        return None
    return text[:-TAIL_CHARS] + _TAIL.sub("", text[-TAIL_CHARS:]) or None


def is_horoscope_text(text: str) -> bool:
    """Long enough to say something, short enough not to be the whole page, and made of letters."""
    return MIN_TEXT_CHARS <= len(text) <= MAX_TEXT_CHARS and sum(map(str.isalpha, text)) >= MIN_LETTERS
