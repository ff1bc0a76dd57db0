"""A page as strategies see it: a response comes in; the same one, rightly decoded, and its tree without
scripts, styles and comments go out. A response is parsed once, whoever asks.
"""

from __future__ import annotations

import codecs
from typing import Any
from weakref import WeakKeyDictionary

from lxml import etree
from parsel import Selector
from scrapy.http import TextResponse

SAMPLE_BYTES = 16 * 1024
_TREES: WeakKeyDictionary[TextResponse, Selector] = WeakKeyDictionary()
_HTML = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True)
_UNDECODED = {etree.ErrorTypes.ERR_INVALID_CHAR, etree.ErrorTypes.ERR_INVALID_ENCODING}
_XML = etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True, collect_ids=False)


def tree_of(response: TextResponse) -> Selector:
    """The root element; any text is read as HTML.

    From the bytes, not the text: decoding a page only to encode it for the parser is a tenth of the work.
    """
    tree = _TREES.get(response)
    if tree is None and isinstance(response, Kept):
        tree = _TREES[response] = Selector(root=parse_xml(response.tree), type="html")
    elif tree is None:
        root = parse_html(response.body, response.encoding)
        etree.strip_elements(root, "script", "style", with_tail=False)
        tree = _TREES[response] = Selector(root=root, type="html")
    return tree


def parse_html(body: bytes, encoding: str) -> Any:
    """As parsel does it, but by one parser for all pages, which drops comments as it goes. Bytes that are not
    what is declared would cut a page short: they are replaced first.
    """
    if codecs.lookup(encoding).name == "utf-8":
        root = root_of(body)
        if not any(error.type in _UNDECODED for error in _HTML.error_log):
            return root
    return root_of(body.decode(encoding, "replace").encode())


def root_of(body: bytes) -> Any:
    empty = b"<html/>"
    try:
        root = etree.fromstring(body.replace(b"\x00", b"").strip() or empty, _HTML)
    except etree.XMLSyntaxError:  # no element at all
        root = None
    return etree.fromstring(empty, _HTML) if root is None else root


def bare_root_of(response: TextResponse) -> Any:
    """The root element for who looks at names and texts only: it may lack all attributes."""
    return response.bare_root if isinstance(response, Kept) else tree_of(response).root


class Kept(TextResponse):
    """A response whose tree was written down. Building its attributes again is two thirds of reading it."""

    @property
    def tree(self) -> bytes:
        """XML, as `tree_as_xml` made it."""
        raise NotImplementedError

    @property
    def bare_root(self) -> Any:
        """The same without attributes, parsed."""
        raise NotImplementedError


def rightly_decoded(response: TextResponse) -> TextResponse:
    """What decodes as UTF-8 is UTF-8 whatever the server declares: Russian in windows-1251 never does. What
    is declared as UTF-8 and mostly does not decode is windows-1251; a stray byte makes no page so.
    """
    if isinstance(response, Kept) or response in _TREES:  # read before, so decoded before
        return response
    body = response.body
    sample = body if body[:SAMPLE_BYTES].isascii() else body[:SAMPLE_BYTES]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)  # the sample may end inside a letter
        encoding = "utf-8"
    except UnicodeDecodeError:
        lost = sample.decode("utf-8", "replace").count("\ufffd")
        letters = sum(byte > 127 for byte in sample)
        is_windows = response.encoding == "utf-8" and 2 * lost > letters
        encoding = "cp1251" if is_windows else response.encoding
    return response if encoding == response.encoding else response.replace(encoding=encoding)


def tree_as_xml(tree: Selector) -> bytes | None:
    """The tree in a form that is read back several times faster than HTML is mended; None if it would not
    be read back the same, as with names that are none in XML.
    """
    try:
        xml: bytes = etree.tostring(tree.root, encoding="utf-8")
        return xml if etree.tostring(parse_xml(xml), encoding="utf-8") == xml else None
    except (etree.XMLSyntaxError, ValueError):
        return None


def without_attributes(xml: bytes) -> bytes:
    root = parse_xml(xml)
    for element in root.iter(etree.Element):
        element.attrib.clear()
    bare: bytes = etree.tostring(root, encoding="utf-8")
    return bare


def parse_xml(xml: bytes) -> Any:
    """The root element of what was written here."""
    return etree.fromstring(xml, _XML)
