"""How a text is set: «ёлочки», a spaced long dash, one sign for an ellipsis, no space before a comma and
one after it."""

from __future__ import annotations

import re
from typing import List, Pattern, Tuple

_BADLY_SET = re.compile(
    r"""[ .,!?:;…«»()"—-](?:                 # each fault has one of these: what lies between is skipped fast
          (?<=[ ])[ ,.!?:;…)»-]               # a space before a mark, or two spaces
        | (?<=[(«])[ ]                        # a space after an opening mark
        | (?<=[,;:!?…»)])[А-Яа-яЁё]           # no space after a mark
        | (?<=[.])[А-ЯЁ]
        | (?<=[^ ]—) | (?<=—)[^ ]             # a dash that touches a word
        | (?<=-)[ -]                          # a hyphen in a dash's place
        | (?<=[.])[.] | (?<=!)! | (?<=[?])[?] | (?<=,),
        | (?<=")
    )""",
    re.VERBOSE,
)
_NEVER_FIRST = tuple(" ,.:;!?…)»—-")
_NEVER_LAST = tuple(" ,:;—(«-")

_REPAIRS: List[Tuple[Pattern[str], str]] = [
    (re.compile(r'(?:(?<=\s)|(?<=[(«—-])|\A)"(?=\S)'), "«"),
    (re.compile('"'), "»"),
    (re.compile(r"\.{2,}|…[.…]+"), "…"),
    (re.compile(r"!{2,}"), "!"),
    (re.compile(r"\?{2,}"), "?"),
    (re.compile(r"[,;]+([,;])"), r"\1"),
    (re.compile(r"--+|(?<=\s)-+(?=[\sА-ЯЁа-яё«])|-+(?=\s)(?<=[,.!?…»)]-)"), "—"),
    (re.compile(r"\s*—\s*"), " — "),
    (re.compile(r"\s+(?=[,.!?:;…)»])"), ""),
    (re.compile(r"(?<=[(«])\s+"), ""),
    (re.compile(r"(?<=[а-яё][,;:!?.…»)])(?=[А-ЯЁ])|(?<=[а-яё][,;:!?…»)])(?=[а-яё])"), " "),
    (re.compile(r"\A[\s,.:;!?…)»—-]+"), ""),
    (re.compile(r"[\s,:;—(«-]+\Z"), ""),
    (re.compile(r"\s{2,}"), " "),
]


def is_badly_set(text: str) -> bool:
    """The look before the repair."""
    return text.startswith(_NEVER_FIRST) or text.endswith(_NEVER_LAST) or bool(_BADLY_SET.search(text))


def typography_repaired(text: str) -> str:
    for pattern, replacement in _REPAIRS:
        text = pattern.sub(replacement, text)
    return text
