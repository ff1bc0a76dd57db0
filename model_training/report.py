"""The evaluation, for people and machines. In: the document of `evaluate`. Out: `report.html`, the figures in
the model card, then `evaluation.json`."""

import base64
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from model_training.card import model_card
from model_training.decision import SECONDARY, decide, verdicts

TEMPLATE = "report.html.j2"
GROUPS = {
    "Form and safety": ("yield", "format_share", "wrong_sign_share", "unsafe_share", "chars"),
    "Memory": (
        *("copied_chars", "copied_over_limit_share", "known_runs_share", "nearest_training_text"),
        "near_duplicate_share",
    ),
    "Sense": (
        *("made_up_words_share", "mistakes_share", "coherence", "coherent_share", "acceptable_sentences"),
    ),
    "Diversity within a day, across signs": ("distinct_1", "distinct_2", "distinct_3", "self_bleu", "spread"),
    "Diversity of a sign, over days": tuple(
        f"{name}_over_days" for name in ("distinct_1", "distinct_2", "distinct_3", "self_bleu", "spread")
    ),
    "Freshness": ("seen_lately", "repeats_lately_share"),
}
"""Tables of the report: title -> metrics that stand in it."""
NAMES = {
    "bits_per_character": "bits per character",
    "bits_five_gram": "bits per character of the 5-gram",
    "bits_template": "bits per character of the template",
    "bits_to_five_gram": "bits, share of the 5-gram's",
    "bits_to_template": "bits, share of the template's",
    "leaked_texts": "held-out texts it was trained on",
    "sign_bits_saved": "bits a text that names its sign costs more if another is asked (at best 3.6)",
    "topic_bits_saved": "bits a text costs more if another topic is asked",
    "tone_bits_saved": "bits a text costs more if another tone is asked",
    "yield": "accepted of sampled",
    "format_share": "well-formed",
    "wrong_sign_share": "name another sign",
    "unsafe_share": "unsafe",
    "chars": "characters",
    "copied_chars": "longest stretch from a training text, characters",
    "copied_over_limit_share": "longer than people's 99th percentile",
    "known_runs_share": "five-word runs that training texts have",
    "nearest_training_text": "five-word runs that one training text has",
    "near_duplicate_share": "near duplicates of a training text",
    "made_up_words_share": "with a word no dictionary has",
    "mistakes_share": "with words that do not agree",
    "coherence": "coherence, nats",
    "coherent_share": "as coherent as 95 % of people's",
    "acceptable_sentences": "acceptable sentences (RuCoLA model)",
    "seen_lately": "five-word runs of one text of our last 30 days",
    "repeats_lately_share": "near duplicates of our last 30 days",
    "spread": "spread of meaning",
    "self_bleu": "self-BLEU",
    "diversity_to_human": "the least diversity, share of people's",
    "coherent_to_human": "coherent texts, share of people's",
    "acceptable_to_human": "acceptable sentences, share of people's",
}
"""What a metric is called in the report; others by their own name."""


def write_report(model: Path, document: dict[str, Any]) -> None:
    """All into `model`, the JSON last: it is what the decision reads."""
    against = document["against_champion"]
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    curve = model / "losses.png"
    page = environment.get_template(TEMPLATE).render(
        document=document,
        verdicts=verdicts(document),
        decision=decide(document, against["version"] if against else None),
        groups=GROUPS,
        secondary=SECONDARY,
        named=NAMES,
        curve=base64.b64encode(curve.read_bytes()).decode() if curve.is_file() else "",
    )
    (model / "report.html").write_text(page, encoding="utf-8")
    training, metrics = (json.loads((model / f"{name}.json").read_text()) for name in ("training", "metrics"))
    (model / "README.md").write_text(model_card(training, metrics, document), encoding="utf-8")
    content = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    aside = model / ".evaluation.json"
    aside.write_text(content, encoding="utf-8")
    aside.replace(model / "evaluation.json")
