"""Remarks on a clean text that do not reject it: flags a reader of the dataset can choose by. A string in,
names out."""

from __future__ import annotations

import re
from typing import List

PROFANE = (
    r"\b(?:ху[йеёяи]|пизд|бля[дт]ь?|еба[тлн]|[её]б(?:ан|ут|ёт|нут)|вы[её]б|за[её]б|муда[кч]|мудил|шлюх|сучк|сука\b|суки\b|"
    r"говн|дерьм|жоп[аеуы]|засран|трах(?:а|н)|проститут|ублюд|гандон|дроч|минет)"
)
DANGEROUS = (
    r"(?:бросьте|отмените|откажитесь от|прекратите|забудьте про|перестаньте) (?:при[её]м |пить |принимать )?"
    r"(?:лекарств|таблет|препарат|лечени|антибиотик|инсулин)|"
    r"(?:не обращайтесь|не ходите|незачем идти|обойд[её]тесь без) (?:к врач|к доктор|врач|доктор)|"
    r"самоубийств|покончить с собой|свести сч[её]ты с жизнью|наркотик|"
    r"(?:возьмите|берите) (?:кредит|за[её]м|микроза[её]м)|вложите все (?:деньги|сбережения)|"
    r"(?:за руль|за рул[её]м) (?:выпивш|нетрезв|пьян|после бокал)|голодайте|полное голодание"
)


_PROFANE, _DANGEROUS = re.compile(PROFANE), re.compile(DANGEROUS)


def cut_end(text: str) -> bool:
    """The text stops before its sentence does."""
    return not text.rstrip("»)").endswith((".", "!", "?", "…"))


def unbalanced_quotes(text: str) -> bool:
    return text.count("«") != text.count("»") or text.count("(") != text.count(")")


def profanity(text: str) -> bool:
    """A word that no newspaper prints."""
    return _PROFANE.search(text.lower()) is not None


def dangerous_advice(text: str) -> bool:
    """Advice that could hurt whoever follows it: about medicine, debts, driving, one's life."""
    return _DANGEROUS.search(text.lower()) is not None


def remarks_on(text: str) -> List[str]:
    remarks = (cut_end, unbalanced_quotes, profanity, dangerous_advice)
    return [remark.__name__ for remark in remarks if remark(text)]
