"""Where a page keeps sign names, dates and long texts: what a new strategy can hold on to. A page comes in,
lines for a person go out: what lies in the same place is told together, and a strategy that was tried on the
page and reads it whole is proposed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from scrapy.http import TextResponse

from scraper.days import printed_dates
from scraper.items import SIGNS
from scraper.page_faults import disguise
from scraper.processors import is_horoscope_text, node_text, single_spaces
from scraper.signs import sign_in
from scraper.strategies import Blocks, select

OWN_TEXT = "//body//*[not(self::script)][text()[normalize-space()]]"
BLOCKS = "//p | //div[not(.//div or .//p)] | //td"
LABEL_CHARS = 60
NOTE_CHARS = 200
PLACES = 5
"""Of dates, and of texts, the longest first."""
_PLAIN = re.compile(r"-?[A-Za-z_][\w-]*")
Places = dict[str, list[tuple[Any, str]]]
"""Path of elements → the elements there with their texts."""


def anatomy(response: TextResponse, day: dt.date) -> Iterator[str]:
    challenge = disguise(response) or "no known challenge"
    yield f"\npage: {len(response.body)} bytes, {response.encoding}, {challenge}"
    labels, dates, texts = places(response, day)
    for path, found in labels.items():
        signs = list(dict.fromkeys(str(sign_in(label)) for _, label in found))
        yield f"  {told(len(signs), 'sign')} {' '.join(signs)}: {path}: {found[0][1]}"
    for path, found in list(dates.items())[:PLACES]:
        date = printed_dates(found[0][1], near=day)[0].day
        yield f"  {told(len(found), 'date')} {date}: {path}: {found[0][1][:80]}"
    longest = sorted(texts.items(), key=lambda place: -max(len(text) for _, text in place[1]))
    for path, found in longest[:PLACES]:
        sizes = sorted(len(text) for _, text in found)
        size = f"{sizes[0]}–{sizes[-1]}" if sizes[0] < sizes[-1] else f"{sizes[0]}"
        example = max((text for _, text in found), key=len)
        yield f"  {told(len(found), 'text')} of {size} characters: {path}: {example[:80]}"
    proposal = proposed(response, labels, texts)
    if proposal:
        yield f"  reads all twelve: {proposal}"


def places(response: TextResponse, day: dt.date) -> tuple[Places, Places, Places]:
    """Labels that name a sign, short texts with a date, texts as long as a horoscope."""
    labels: Places = defaultdict(list)
    dates: Places = defaultdict(list)
    texts: Places = defaultdict(list)
    for node in select(response, OWN_TEXT):
        own = single_spaces(" ".join(node.xpath("text()").getall()))
        if len(own) < LABEL_CHARS and sign_in(own):
            labels[path_of(node)].append((node, own))
        if len(own) < NOTE_CHARS and printed_dates(own, near=day):
            dates[path_of(node)].append((node, own))
    for node in select(response, BLOCKS):
        text = single_spaces(node_text(node))
        if is_horoscope_text(text):
            texts[path_of(node)].append((node, text))
    return labels, dates, texts


def told(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


def proposed(response: TextResponse, labels: Places, texts: Places) -> str | None:
    """The code of a strategy that finds a text for each sign, holding on to blocks around label and text."""
    for label, found in labels.items():
        for text in texts:
            around = [element.root for element in found[0][0].xpath("ancestor::*")[::-1]]
            for block in sorted(
                around, key=lambda element: step_of(element) == element.tag
            ):  # named ones first
                ways = [step_of(block), step_of(found[0][0].root), text.split(" > ")[-1]]
                strategy = Blocks("blocks", ways[0], sign=ways[1], text=ways[2])
                signs = [piece.sign for piece in strategy.find(response) if piece.pieces]
                if sorted(map(str, signs)) == sorted(SIGNS):
                    return f'Blocks("blocks", "{ways[0]}", sign="{ways[1]}", text="{ways[2]}")  # {label}'
    return None


def path_of(node: Any) -> str:
    """`div.content > p.text`: the element and its parent, as a selector would say it."""
    return " > ".join(step_of(each) for each in (node.root.getparent(), node.root) if each is not None)


def step_of(element: Any) -> str:
    """Names that would have to be escaped in a selector, such as `md:grid`, are left out."""
    classes = [name for name in (element.get("class") or "").split() if _PLAIN.fullmatch(name)]
    prop = element.get("itemprop") or ""
    props = [f"[itemprop={prop}]"] if _PLAIN.fullmatch(prop) else []
    return "".join([element.tag, *(f".{name}" for name in classes[:2]), *props])
