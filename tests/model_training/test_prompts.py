"""The prompt is one and the same wherever a model is asked."""

import datetime as dt
import random
from pathlib import Path

import pytest

from model_training import inference
from model_training.corpus import read_dataset
from model_training.gates import Gates
from model_training.prompts import (
    DEFAULT_TEMPLATE,
    LENGTH_BUCKETS,
    PromptTemplate,
    controls_of,
    length_bucket,
    with_some_dropped,
)
from model_training.train import pairs_of


def test_prompt_names_sign_topic_and_length_on_lines_of_their_own() -> None:
    prompt = DEFAULT_TEMPLATE.render({"sign": "leo", "topic": "love", "length": "400-450"})
    assert prompt == "Знак: Лев\nТема: любовь\nДлина: 400-450\n\n"


def test_fields_left_out_have_no_line() -> None:
    assert DEFAULT_TEMPLATE.render({"sign": "leo"}) == "Знак: Лев\n\n"


@pytest.mark.parametrize("controls", [{"sign": "ophiuchus"}, {"sign": "leo", "mood": "bright"}])
def test_unknown_values_and_fields_are_refused_with_the_known_ones(controls: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"expected one of .*"):
        DEFAULT_TEMPLATE.render(controls)


def test_every_length_falls_into_the_bucket_that_begins_below_it() -> None:
    for chars in range(0, 700, 7):
        low = int(length_bucket(chars).rstrip("+").split("-")[0])
        assert low == max(bound for bound in LENGTH_BUCKETS if bound <= chars)


def test_dropping_controls_never_drops_the_sign_and_drops_about_the_share_asked() -> None:
    rng, given = random.Random(1), {"sign": "leo", "topic": "love", "length": "400-450"}
    kept = [with_some_dropped(given, 0.3, rng) for _ in range(2000)]
    assert all("sign" in controls for controls in kept)
    assert 0.65 < sum("topic" in controls for controls in kept) / 2000 < 0.75


def test_a_tone_is_named_in_the_share_asked_and_only_if_it_is_taught(processed: Path) -> None:
    rows = read_dataset(str(processed))[0]
    prompts = [prompt for prompt, _ in pairs_of(rows, DEFAULT_TEMPLATE, drop=0.1, seed=1, tone_share=0.5)]
    assert 0.4 < sum("Тон: " in prompt for prompt in prompts) / len(prompts) < 0.6
    untaught = pairs_of(rows, DEFAULT_TEMPLATE.without("tone"), drop=0.1, seed=1)
    assert not any("Тон: " in prompt for prompt, _ in untaught)
    with pytest.raises(ValueError, match="found 'warning', in prompt field tone"):
        DEFAULT_TEMPLATE.without("tone").render({"sign": "leo", "tone": "warning"})


class Recorder:
    """An engine that writes nothing and remembers what it was asked."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def complete(self, prompts: list[str], seeds: list[int], signs: list[str]) -> list[tuple[str, float]]:
        self.prompts += prompts
        return [("", 0.0)] * len(prompts)


def test_training_evaluation_and_serving_ask_the_same(nano_model: Path, processed: Path) -> None:
    """For one record, the template saved with the weights renders what training saw and serving sends."""
    row = next(r for r in read_dataset(str(processed))[0] if 400 <= len(r.clean_text) < 450)
    (trained, _), *_ = pairs_of([row], DEFAULT_TEMPLATE, drop=0.0, seed=1)
    saved = PromptTemplate.load(nano_model / "prompt.json")
    evaluated = saved.render(controls_of(row.sign, row.topic, row.clean_text))
    engine = Recorder()
    writer = inference.Writer(engine, saved, Gates.load(nano_model / "train_index.npz"), "1")
    writer.write(dt.date(2026, 1, 1), [row.sign], [row.topic], candidates=1)
    assert trained == evaluated == engine.prompts[0]


def test_a_writer_asks_for_the_tone_it_is_told() -> None:
    engine = Recorder()
    writer = inference.Writer(engine, DEFAULT_TEMPLATE, Gates.build([], []), "1")
    writer.tone = "warning"
    writer.write(dt.date(2026, 1, 1), ["leo"], ["love"], candidates=1)
    assert engine.prompts == ["Знак: Лев\nТема: любовь\nТон: осторожный\nДлина: 400-450\n\n"]


def test_serving_follows_the_copy_saved_with_the_weights(tmp_path: Path) -> None:
    other = PromptTemplate(lines={"sign": "Sign {}"}, values={"sign": {"leo": "Lion"}})
    other.save(tmp_path / "prompt.json")
    assert PromptTemplate.load(tmp_path / "prompt.json").render({"sign": "leo"}) == "Sign Lion\n\n"


def test_in_each_epoch_other_lines_are_left_out_of_the_same_texts(processed: Path) -> None:
    rows = read_dataset(str(processed))[0]
    first, second = (pairs_of(rows, DEFAULT_TEMPLATE, drop=0.3, seed=seed) for seed in (1, 2))
    assert [text for _, text in first] == [text for _, text in second]
    changed = sum(a != b for (a, _), (b, _) in zip(first, second, strict=True)) / len(rows)
    assert 0.5 < changed < 0.8  # 1 - (0.7² + 0.3²)²: the topic's line and the length's
