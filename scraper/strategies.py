"""Ways to find horoscopes on a page. A spider lists them in the order of trust: data formats and microdata
first, headings next, class names last. A page comes in, `Found` pieces go out; cleaning and judging them is
not done here.

Each has a `name`: it is stored beside the text, so a redesign shows as a shift of names before it shows as
silence.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jmespath
from lxml import etree
from parsel import Selector
from parsel.csstranslator import HTMLTranslator
from scrapy.http import JsonResponse, TextResponse

from scraper.page_tree import bare_root_of, tree_of
from scraper.processors import node_text
from scraper.signs import sign_in

NEAR = "near:"
NEAR_CHARS = 200
NEAR_PLACES = 100
"""Places looked at: an honest page has few, a hostile one has them by the hundred thousand."""
_TAG = re.compile(r"<[^>]*>?|&nbsp;")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


class Found(NamedTuple):
    """One text as it lies on the page."""

    pieces: Sequence[Any]
    """Elements (of parsel or lxml) or strings which, joined, are the text."""
    sign: str | None = None
    """The sign named beside the text; None: the page is about one sign and its address says which."""
    printed: str = ""
    """Words that hold the date of this very text; empty: the page's date is meant."""


@dataclass(frozen=True)
class Strategy:
    """What every class here is."""

    name: str

    def find(self, response: TextResponse) -> Iterator[Found]:
        """All texts that this way finds; none where the page is built otherwise."""
        raise NotImplementedError


@dataclass(frozen=True)
class Blocks(Strategy):
    """One element a sign, with its label and text inside."""

    block: str
    """CSS of the element."""
    sign: str
    """CSS of its label."""
    text: str = ""
    """CSS of the text; empty: everything in the block but the label."""

    def find(self, response: TextResponse) -> Iterator[Found]:
        if isinstance(response, JsonResponse):
            return
        for block in compiled(self.block)(tree_of(response).root):
            label = compiled(self.sign)(block)
            sign = sign_in(" ".join(map(node_text, label)))
            if sign and self.text:
                yield Found(compiled(self.text)(block), sign)
            elif sign:
                yield Found(_all_but(block, label), sign)


@functools.cache
def compiled(css: str) -> etree.XPath:
    """Twelve blocks ask for the same: reading a selector costs more than finding what it selects."""
    return etree.XPath(HTMLTranslator().css_to_xpath(css))


def _all_but(block: Any, label: Sequence[Any]) -> Sequence[Any]:
    labels = set(label)
    pieces = block.xpath("./text() | ./*")
    return [piece for piece in pieces if isinstance(piece, str) or not labels & set(piece.iter())]


@dataclass(frozen=True)
class Headings(Strategy):
    """A heading that names a sign, and the paragraphs after it up to the next heading. Needs no class
    name.
    """

    containing: str = ""
    """Words that the heading must hold besides the sign, any case."""
    text: str = "p"
    """Tag of the paragraphs."""
    first: bool = False
    """Only the first paragraph is the text."""

    def find(self, response: TextResponse) -> Iterator[Found]:
        if isinstance(response, JsonResponse):
            return
        for heading in bare_root_of(response).iter(*HEADINGS):
            label = node_text(heading)
            sign = sign_in(label)
            if sign and self.containing.lower() in label.lower():
                pieces = self._after(heading)
                yield Found(pieces[:1] if self.first else pieces, sign)

    def _after(self, heading: Any) -> Sequence[Any]:
        """Paragraphs beside the heading, or, where it is wrapped, beside its wrapper, as long as what holds
        both is about this heading only: what follows a list of signs is the footer.
        """
        pieces = list(self._siblings(heading))
        while not pieces and _headings_in(heading.getparent()) == 1:
            heading = heading.getparent()
            if _headings_in(heading.getparent()) == 1:
                pieces = list(self._siblings(heading))
        return pieces

    def _siblings(self, heading: Any) -> Iterator[Any]:
        """Up to the next heading. On bare lxml elements, lazily: a hostile page has thousands of headings."""
        for sibling in heading.itersiblings():
            if not isinstance(sibling.tag, str):  # a comment
                continue
            if next(sibling.iter(*HEADINGS), None) is not None:
                return
            yield from sibling.iter(self.text)


def _headings_in(element: Any) -> int:
    """0, 1, or 2 for more."""
    return 0 if element is None else sum(1 for _ in itertools.islice(element.iter(*HEADINGS), 2))


@dataclass(frozen=True)
class Article(Strategy):
    """A page about one sign: all elements that match are its text."""

    text: str
    """CSS or, starting with `/` or `(`, XPath."""
    first: bool = False
    """Only the first match is the text."""

    def find(self, response: TextResponse) -> Iterator[Found]:
        pieces = select(response, self.text)
        if pieces:
            yield Found(list(pieces[:1] if self.first else pieces))


@dataclass(frozen=True)
class DateLed(Strategy):
    """A page about one sign whose paragraph begins with its date: «Jan 15, 2026 - text»."""

    text: str
    """CSS of the paragraph."""

    def find(self, response: TextResponse) -> Iterator[Found]:
        for paragraph in select(response, self.text)[:1]:
            date, *text = re.split(r"\s[-–—]\s", node_text(paragraph), maxsplit=1)
            if text:
                yield Found(text, printed=date)


@dataclass(frozen=True)
class DatedTexts(Strategy):
    """A page about one sign with several days: each date element is followed by its text."""

    date: str
    """CSS of the date element; the text is the next element."""

    def find(self, response: TextResponse) -> Iterator[Found]:
        for date in select(response, self.date):
            yield Found(list(date.xpath("following-sibling::*[1]")), printed=node_text(date))


@dataclass(frozen=True)
class JsonTexts(Strategy):
    """A JSON answer about one sign."""

    path: str
    """JMESPath of the paragraphs, which may hold HTML."""
    title: str = ""
    """JMESPath of words that name the sign, so that an answer about another is noticed; empty: none do."""

    def find(self, response: TextResponse) -> Iterator[Found]:
        try:
            answer = json.loads(response.text)
        except (ValueError, RecursionError):  # a hostile answer nests deeper than Python recurses
            return
        texts = jmespath.search(self.path, answer)
        title = jmespath.search(self.title, answer) if self.title else ""
        pieces = without_tags(texts if isinstance(texts, list) else [texts])
        if pieces:
            yield Found(pieces, sign_in(title) if isinstance(title, str) else None)


@dataclass(frozen=True)
class EmbeddedTexts(Strategy):
    """JSON strings inside a page's script, found by a regular expression with the groups `text` and perhaps
    `date`.
    """

    pattern: str

    def find(self, response: TextResponse) -> Iterator[Found]:
        match = re.search(self.pattern, response.text)
        if match:
            printed = match.groupdict().get("date") or ""
            with contextlib.suppress(ValueError):  # no JSON string after all: then there is no text
                yield Found(without_tags([json.loads(f'"{match.group("text")}"')]), printed=printed)


@dataclass(frozen=True)
class XmlDays(Strategy):
    """An XML export: an element a sign, in it an element a day, and at the top what the days are."""

    def find(self, response: TextResponse) -> Iterator[Found]:
        root = Selector(text=response.text, type="xml")
        dates = {name: day for date in root.xpath("/*/date") for name, day in date.attrib.items()}
        for element in root.xpath("/*/*[not(self::date)]"):
            for day in element.xpath("./*"):
                sign, when = sign_in(element.root.tag), day.root.tag
                if sign and when in dates:
                    yield Found([day], sign, printed=dates[when])


@dataclass(frozen=True)
class RssItems(Strategy):
    """A feed with an item a sign: the title names it, the description is the text, which may hold HTML."""

    def find(self, response: TextResponse) -> Iterator[Found]:
        for item in Selector(text=response.text, type="xml").xpath("//item"):
            sign = sign_in(item.xpath("string(title)").get(""))
            if sign:
                yield Found(without_tags([item.xpath("string(description)").get("")]), sign)


def select(response: TextResponse, query: str) -> Any:
    """Elements by CSS, or by XPath where the query starts like one; none in an answer that is JSON."""
    if isinstance(response, JsonResponse):
        return []
    tree = tree_of(response)
    return tree.xpath(query) if query.startswith(("/", "(")) else tree.css(query)


def words_at(response: TextResponse, query: str) -> Iterator[str]:
    """Texts of the elements that `query` selects; for `near:words`, what follows each place with those words,
    in what a reader sees first, then anywhere in the page.
    """
    if not query.startswith(NEAR):
        yield from map(node_text, select(response, query))
        return
    words = query.removeprefix(NEAR)
    if not isinstance(response, JsonResponse):
        yield from _after(words, etree.tostring(bare_root_of(response), method="text", encoding="unicode"))
    yield from (_TAG.sub(" ", text) for text in _after(words, response.text))


def _after(words: str, text: str) -> Iterator[str]:
    start = text.find(words)
    for _ in range(NEAR_PLACES):
        if start < 0:
            return
        yield text[start : start + NEAR_CHARS]
        start = text.find(words, start + 1)


def without_tags(values: list[Any]) -> Sequence[Selector | str]:
    """HTML strings parsed, anything that is no string left out."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    return [Selector(text=text) if "<" in text or "&" in text else text for text in texts]
