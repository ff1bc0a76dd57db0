"""From a page's elements to a text: what HTML hides is joined, what the site adds is dropped, what it says
is kept.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parsel import Selector

from scraper.loaders import HoroscopeLoader
from scraper.processors import is_horoscope_text, node_text, single_spaces, without_interface_words


def element(html):
    return Selector(text=f"<body>{html}</body>").css("body > *")[0]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Утром <b>тихо</b>, вечером ясно.</p>", "Утром тихо, вечером ясно."),
        ("<div>Утро.<br>День.<br/>Вечер.</div>", "Утро. День. Вечер."),
        ("<div><p>Утро.</p><p>День.</p></div>", "Утро. День."),
        (
            "<p>Утро.<script>track('лишнее')</script> День.<button>Показать полностью</button></p>",
            "Утро. День.",
        ),
        ("<p>\n\t\t\tУтро\t\t  ясно.\r\n</p>", "Утро ясно."),
        ("<p>в&nbsp;полдень &mdash; &laquo;звонок&raquo;</p>", "в\xa0полдень — «звонок»"),
        ("<p>Утро<!-- реклама --> ясно.</p>", "Утро ясно."),
    ],
)
def test_the_text_of_an_element(html, text):
    assert single_spaces(node_text(element(html))) == text


def test_nesting_deeper_than_python_recurses_is_read():
    deep = Selector(text="<div>" * 200 + "Утро." + "</div>" * 200, huge_tree=True)
    assert "Утро." in node_text(deep.css("body > *")[0])
    from lxml import etree

    root = leaf = etree.Element("div")
    for _ in range(5_000):
        leaf = etree.SubElement(leaf, "div")
    leaf.text = "Утро."
    assert node_text(Selector(root=root, type="html")).strip() == "Утро."
    while len(root):  # libxml2 frees recursively: take it apart
        root = root[0]


@pytest.mark.parametrize(
    "words",
    [
        "Показать полностью",
        "Читать далее…",
        "ЧИТАТЬ ДАЛЕЕ »",
        "21 марта — 20 апреля",
        "\xa0Поделиться\xa0",
        "Реклама",
    ],
)
def test_what_is_only_interface_is_dropped(words):
    assert without_interface_words(words) is None


@pytest.mark.parametrize(
    ("published", "kept"),
    [
        ("День ясный. Читать далее...", "День ясный."),
        ("День ясный. Показать полностью", "День ясный."),
        ("Стоит читать далее и не спешить.", "Стоит читать далее и не спешить."),
        ("Хочется поделиться", "Хочется поделиться"),
    ],
)
def test_a_button_at_the_end_is_cut_and_the_same_words_in_a_sentence_are_kept(published, kept):
    assert without_interface_words(published) == kept


@given(st.text())
def test_spaces_are_made_single_once_and_nothing_else_changes(text):
    cleaned = single_spaces(text)
    assert single_spaces(cleaned) == cleaned
    assert not set(cleaned) & set("\n\r\t\x00\x0b\x0c")
    kept = [character for character in text if character > " " and character != "\x7f"]
    assert [character for character in cleaned if character != " "] == kept


def test_a_loader_joins_paragraphs_and_keeps_what_was_published():
    loader = HoroscopeLoader()
    loader.add_value(
        "text", list(Selector(text="<p>Утро.</p><p>Показать полностью</p><p>День\xa0ясен.</p>").css("p"))
    )
    loader.add_value("printed_date", " 20\n ноября ")
    assert loader.load_item() == {"text": "Утро. День\xa0ясен.", "printed_date": "20 ноября"}


@pytest.mark.parametrize("text", ["", "Коротко.", "1234567890 " * 10, "слово " * 2000])
def test_too_short_too_long_or_wordless_is_no_horoscope(text):
    assert not is_horoscope_text(text)
