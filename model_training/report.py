"""The evaluation, for people and machines. In: the document of `evaluate`. Out: `report.html`, then
`evaluation.json`."""

import base64
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from model_training.decision import LIMITS

TEMPLATE = "report.html.j2"


def write_report(model: Path, document: dict[str, Any]) -> None:
    """Both files into `model`, the JSON last: it is what the decision reads."""
    verdicts = [
        (*limit.verdict(document["metrics"].get(limit.metric, {}).get("value")), limit.metric)
        for limit in LIMITS
    ]
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    curve = model / "losses.png"
    page = environment.get_template(TEMPLATE).render(
        document=document,
        verdicts=verdicts,
        curve=base64.b64encode(curve.read_bytes()).decode() if curve.is_file() else "",
        columns=("format_share", "wrong_sign_share", "unsafe_share", "near_duplicate_share",
                 "nearest_training_text", "copied_chars", "distinct_2", "self_overlap", "chars"),
    )  # fmt: skip
    (model / "report.html").write_text(page, encoding="utf-8")
    content = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    aside = model / ".evaluation.json"
    aside.write_text(content, encoding="utf-8")
    aside.replace(model / "evaluation.json")
