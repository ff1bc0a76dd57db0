"""The model card, in the hub's form. In: what a model learnt from, its figures, its evaluation. Out: the text
of README.md.

The figures stand in the front matter as `model-index`, so that huggingface_hub and the hub read them.
"""

from collections.abc import Mapping
from typing import Any

SHOWN = {
    "bits_per_character": "bits per character, held-out texts",
    "yield": "samples accepted by the gates",
    "diversity_to_human": "diversity, share of people's",
    "coherent_to_human": "coherent texts, share of people's",
}
"""Metrics in the card: name in evaluation.json -> words."""


def model_card(
    settings: Mapping[str, Any], metrics: Mapping[str, Any], evaluation: Mapping[str, Any] | None = None
) -> str:
    """`settings`, `metrics`, `evaluation`: training.json, metrics.json, evaluation.json, if there."""
    figures = (evaluation or {}).get("metrics", {})
    found = {name: figures[name] for name in SHOWN if name in figures}
    base = settings["base_model"]
    hub_name = "" if base in ("", "base") or base.startswith(("/", ".")) else f"base_model: {base}\n"
    return f"""---
language: ru
library_name: transformers
pipeline_tag: text-generation
tags:
- horoscope
{hub_name}{_index(found)}---
# Russian daily horoscopes

Writes a short horoscope for a sign and a topic: entertainment, made by a machine, no advice.
How to ask: `prompt.json`. What it may not be used for: advice on health, money or law; passing for a person.

- parameters: {metrics["parameters"]:,}; seed {settings["seed"]}
- start: {base or "random weights"}
- texts learnt: {metrics["train_texts"]:,} of dataset {settings["dataset_version"]},
  cleaning rules {settings["rules_version"]}
- sources: {", ".join(settings["sources"])}
- held out: {metrics["test_texts"]:,} texts from {metrics["test_from"]} on, {metrics["golden_texts"]:,} golden
- tokens seen: {metrics["tokens_seen"]:,}; last loss {metrics["loss"]}

{_table(found)}
"""


def _index(found: Mapping[str, Mapping[str, float]]) -> str:
    if not found:
        return ""
    listed = "".join(
        f"    - type: {name}\n      name: {SHOWN[name]}\n      value: {figure['value']}\n"
        for name, figure in found.items()
    )
    return f"""model-index:
- name: horoscope
  results:
  - task:
      type: text-generation
    dataset:
      type: horoscopes
      name: daily horoscopes, held out
    metrics:
{listed}"""


def _table(found: Mapping[str, Mapping[str, float]]) -> str:
    if not found:
        return "Not evaluated yet: `python -m model_training.evaluate`."
    rows = "\n".join(
        f"| {SHOWN[name]} | {f['value']:.4g} | {f['low']:.4g} … {f['high']:.4g} | {f['n']} |"
        for name, f in found.items()
    )
    return f"""| held out | value | 95 % | n |
| --- | --- | --- | --- |
{rows}

All of it, and why it was or was not promoted: `evaluation.json`, `report.html`."""
