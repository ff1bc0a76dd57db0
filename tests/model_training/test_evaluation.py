"""Figures are right, and models that are bad on purpose are refused by the gate that is meant for them."""

import dataclasses
import datetime as dt
import itertools
import json
import math
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from model_training import evaluate, inference, registry, sampling
from model_training.baselines import CharacterNgram, SentenceTemplate, sentences_of
from model_training.corpus import Split, read_dataset, split
from model_training.decision import LIMITS, decide
from model_training.engines.pretrained import TorchEngine
from model_training.gates import Gates
from model_training.intervals import mean, ratio
from model_training.likelihood import bits_of
from model_training.morphology import content_lemmas
from model_training.prompts import DEFAULT_TEMPLATE, SIGN_NAMES
from model_training.samples import Sample, Yardstick, discriminating, people_like
from model_training.scoring import Scored, bits_saved, repeats, score, tone_bits_saved
from model_training.secondary import changes

DAY = dt.date(2026, 11, 23)


def test_bits_are_the_sum_over_completion_and_end_of_text(nano_model: Path) -> None:
    engine = TorchEngine(nano_model)
    engine.model.float()
    pairs = [("Знак: Лев\n\n", "День будет хорош."), ("Знак: Овен\nТема: любовь\n\n", "Вечер. И утро.")]
    for (prompt, text), bits in zip(pairs, bits_of(engine, pairs), strict=True):
        before = engine.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        ids = [*before, *engine.tokenizer(text, add_special_tokens=False)["input_ids"], 0]
        with torch.inference_mode():
            chances = engine.model(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1)
        expected = -sum(float(chances[at - 1, ids[at]]) for at in range(len(before), len(ids))) / math.log(2)
        assert bits == pytest.approx(expected, rel=1e-4)


def test_the_five_gram_prefers_what_it_has_seen() -> None:
    ngram = CharacterNgram(["абаб ва.", "ваба аб!"] * 3)
    assert ngram.bits_of("абаб ва.") < ngram.bits_of("вава ба.") < ngram.bits_of("щщщщ щщ.")


def test_the_five_gram_is_a_probability() -> None:
    """All strings of up to three of the two letters together have at most the whole chance."""
    ngram = CharacterNgram(["аб", "ба", "абба"])
    strings = [""] + ["".join(s) for n in (1, 2, 3) for s in itertools.product("аб", repeat=n)]
    total = sum(2.0 ** -ngram.bits_of(string) for string in strings)
    assert 0.5 < total <= 1.0


def test_the_template_knows_whole_sentences(processed: Path) -> None:
    parts = split(read_dataset(str(processed))[0])
    ngram = CharacterNgram([row.clean_text for row in parts.train])
    template = SentenceTemplate(parts.train, ngram)
    known = parts.train[0].clean_text
    assert template.bits_of(known) < ngram.bits_of(known)
    assert " ".join(sentences_of(known)) == known
    written = template.write("love", 1)
    assert written == template.write("love", 1) and len(written) >= 300
    assert all(template.known[sentence] for sentence in sentences_of(written))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        figure = mean(rng.normal(5.0, 1.0, 60))
        hits += figure.low <= 5.0 <= figure.high
    assert hits >= 87


def test_texts_of_one_day_are_not_taken_for_independent() -> None:
    rng = np.random.default_rng(1)
    days = np.repeat(np.arange(12), 20)
    values = np.repeat(rng.normal(0, 1, 12), 20) + rng.normal(0, 0.1, 240) + 10
    alone, clustered = mean(values), mean(values, days)
    assert clustered.smallest_visible_difference > 2.5 * alone.smallest_visible_difference


@given(st.lists(st.floats(0.1, 10), min_size=3, max_size=30))
def test_a_ratio_to_itself_is_one_without_doubt(values: list[float]) -> None:
    figure = ratio(values, values, range(len(values)))
    assert figure.value == pytest.approx(1) and figure.low == pytest.approx(1) == pytest.approx(figure.high)


def test_the_nearest_training_text_is_found() -> None:
    known = Gates.build(["один два три четыре пять шесть семь", "а б в г д е ж з и к"], [])
    assert known.nearest("раз а б в г д е ж") == (3 / 4, 1)
    assert known.nearest("ничего похожего тут нет совсем никак") == (0.0, 0)


def test_people_are_compared_on_the_topics_that_were_asked(processed: Path) -> None:
    held_out = split(read_dataset(str(processed))[0]).held_out
    topic = held_out[0].topic
    same = [row for row in held_out if row.topic == topic]
    mixed = [*same, *(dataclasses.replace(row, topic="cook") for row in same)]
    places = [Sample(DAY, topic, "leo", "leo", "")] * (len(same) + 5)
    people = people_like(places, mixed)
    assert sorted(sample.text for sample in people) == sorted(row.clean_text for row in same)
    assert {sample.asked for sample in people} == {"leo"}


class Scripted:
    """An engine that says what a function of (prompt, seed) says."""

    def __init__(self, say) -> None:
        self.say = say

    def complete(self, prompts, seeds, signs):
        return [(self.say(prompt, seed), 0.0) for prompt, seed in zip(prompts, seeds, strict=True)]


World = tuple[Split, Yardstick, SentenceTemplate]


@pytest.fixture(scope="module")
def world(processed: Path) -> World:
    """People here glue few sentences, so the copy limit is set by hand, half a text; and so is the least
    coherence, for the good model of these tests speaks of other things."""
    parts = split(read_dataset(str(processed))[0])
    training = [row.clean_text for row in parts.train]
    known = Gates.build(training, [text[:150] for text in training])
    yardstick = dataclasses.replace(
        Yardstick.build(parts), known=known, max_copied_chars=known.max_copied_chars, min_coherence=-1.0
    )
    return parts, yardstick, SentenceTemplate(parts.train, CharacterNgram(training))


def verdict(world: World, say, **also: float) -> tuple[bool, str]:
    """The decision on a model that says `say(prompt, seed)`, its likelihood assumed good."""
    parts, yardstick, template = world
    writer = inference.Writer(Scripted(say), DEFAULT_TEMPLATE, yardstick.known, "1")
    written = evaluate.write_samples(writer, parts.held_out, candidates=3)
    figures, _, _ = evaluate.judge_texts(written, parts, yardstick, template)
    metrics = {name: figure.as_json() for name, figure in figures.items()}
    for name, value in (
        {"bits_to_five_gram": 0.8, "leaked_texts": 0.0, "sign_bits_saved": 1.0} | also
    ).items():
        metrics[name] = {"value": value, "low": value}
    decision = decide({"metrics": metrics}, None)
    return decision.promote, "; ".join(decision.reasons)


WORDS = (
    *("утро", "вечер", "друг", "письмо", "город", "окно", "книга", "дорога", "песня", "чашка", "сад", "река"),
    *("улица", "зима", "весна", "лето", "осень", "парк", "море", "небо", "ветер", "снег", "дождь", "солнце"),
    *("встреча", "разговор", "прогулка", "подарок", "праздник", "семья", "гость", "сосед", "дом", "порог"),
    *("работа", "отдых", "мечта", "память", "слово", "ответ", "вопрос", "улыбка", "радость", "тишина"),
)


def fresh(prompt: str, seed: int) -> str:
    """Something new, varied and well-formed, of words that all belong to one dictionary."""
    rng = random.Random(seed)
    sentences = [[rng.choice(WORDS) for _ in range(6)] for _ in range(10)]
    return (
        " ".join(", ".join(sentence).capitalize() + "." for sentence in sentences)[:495].rsplit(".", 1)[0]
        + "."
    )


def test_a_good_model_passes(world) -> None:
    promoted, reasons = verdict(world, fresh)
    assert promoted, reasons


def test_a_model_that_recites_its_training_set_is_refused(world) -> None:
    texts = [row.clean_text for row in world[0].train]
    say = lambda prompt, seed: texts[seed % len(texts)]  # noqa: E731
    promoted, reasons = verdict(world, say)
    assert not promoted and "yield" in reasons
    writer = inference.Writer(Scripted(say), DEFAULT_TEMPLATE, world[1].known, "1")
    assert {name for t in writer.write(DAY) for bad in t.rejected for name in bad.failed} >= {"copied"}


def test_recited_texts_are_seen_even_if_the_models_own_index_hides_them(world) -> None:
    """The evaluation measures with what it built from the data itself."""
    parts, yardstick, _ = world
    samples = [Sample(DAY, "love", "leo", "leo", row.clean_text) for row in parts.train[:5]]
    figures = yardstick.describe(samples)
    assert figures["near_duplicate_share"].value == 1 == figures["copied_over_limit_share"].value


def test_a_model_that_always_says_the_same_is_refused_for_its_diversity(world) -> None:
    texts = (fresh("", seed) for seed in range(100))
    always = next(text for text in texts if all(world[1].known.check(text, "leo").values()))
    promoted, reasons = verdict(world, lambda prompt, seed: always)
    assert not promoted and reasons.startswith("diversity_to_human")


def test_a_model_that_speaks_to_the_wrong_sign_is_refused(world) -> None:
    promoted, reasons = verdict(world, lambda prompt, seed: "Девам пора. " + fresh(prompt, seed)[:400] + ".")
    assert not promoted and "yield" in reasons


def answers_of(world: World, say) -> list[tuple[dt.date, inference.Text]]:
    writer = inference.Writer(Scripted(say), DEFAULT_TEMPLATE, world[1].known, "1")
    return evaluate.write_samples(writer, world[0].held_out, candidates=2).answers


def test_two_models_are_compared_prompt_by_prompt(world) -> None:
    always = next(t for t in map(fresh, [""] * 99, range(99)) if all(world[1].known.check(t, "leo").values()))
    varied, same = answers_of(world, fresh), answers_of(world, lambda prompt, seed: always)
    paired = [(day, ours, theirs) for (day, ours), (_, theirs) in zip(varied, same, strict=True)]
    found = changes(paired, world[1])
    assert list(found) == ["yield", "coherence", "distinct_2", "spread"]
    assert found["distinct_2"].low > 0.5 and found["spread"].low > 0.1 and found["yield"].high < 0
    itself = changes([(day, ours, ours) for day, ours, _ in paired], world[1])
    assert all((figure.low, figure.value, figure.high) == (0, 0, 0) for figure in itself.values())
    mute = [(day, ours, dataclasses.replace(theirs, text=None)) for day, ours, theirs in paired]
    assert list(changes(mute, world[1])) == ["yield"]


def test_acceptable_sentences_count_where_a_judge_is_at_hand(world) -> None:
    answers = answers_of(world, fresh)
    judge = lambda texts: [float(text.count("утро")) for text in texts]  # noqa: E731
    judged = dataclasses.replace(world[1], judge=judge)
    paired = [(day, ours, dataclasses.replace(ours, text="утро " * 99)) for day, ours in answers]
    assert changes(paired, judged)["acceptable_sentences"].high < -90


def unwanted(world: World, say) -> set[str]:
    """Gates that refuse what such a model says."""
    writer = inference.Writer(Scripted(say), DEFAULT_TEMPLATE, world[1].known, "1")
    texts = writer.write(DAY, candidates=2)
    assert all(text.text is None for text in texts)
    return {name for text in texts for bad in text.rejected for name in bad.failed}


def test_a_model_that_makes_words_up_is_refused(world) -> None:
    def say(prompt: str, seed: int) -> str:
        return fresh(prompt, seed).replace("о", "ощ")[:400].rsplit(".", 1)[0] + "."

    assert unwanted(world, say) >= {"words"}
    promoted, reasons = verdict(world, say)
    assert not promoted and "yield" in reasons


def test_a_model_whose_words_do_not_agree_is_refused(world) -> None:
    say = lambda prompt, seed: "Вас ждёт вредный плане. " + fresh(prompt, seed)[:400].rsplit(".", 1)[0] + "."  # noqa: E731
    assert unwanted(world, say) >= {"agreement"}
    assert not verdict(world, say)[0]


def test_a_model_of_words_without_sense_is_refused_for_its_coherence(world) -> None:
    """Nouns of the training texts in any order: each a word, nothing to disagree, no sense."""
    parts, yardstick, template = world
    training = [row.clean_text for row in parts.train]
    honest = parts, Yardstick.build(parts), template
    honest[1].__dict__.update(known=yardstick.known, max_copied_chars=yardstick.max_copied_chars)
    lemmas = sorted({lemma for text in training for lemma in content_lemmas(text)})

    def say(prompt: str, seed: int) -> str:
        rng = random.Random(seed)
        sentences = [", ".join(rng.sample(lemmas, 5)).capitalize() + "." for _ in range(20)]
        return " ".join(sentences)[:480].rsplit(".", 1)[0] + "."

    promoted, reasons = verdict(honest, say)
    assert not promoted and "coherent_to_human" in reasons


def test_a_model_that_ignores_the_sign_is_refused(nano_model: Path, processed: Path) -> None:
    """The same likelihood whatever sign is asked: no text is likelier under its own."""
    rows = [
        dataclasses.replace(row, clean_text=f"{SIGN_NAMES[row.sign]}: {row.clean_text}")
        for row in split(read_dataset(str(processed))[0]).held_out
        if row.sign not in ("cancer", "libra")
    ]
    writer = inference.load(nano_model)
    deaf = dataclasses.replace(writer.template, lines={"topic": "Тема: {}", "length": "Длина: {}"})
    writer.template = deaf
    saved = bits_saved(writer, score(writer, rows), "sign", 0)
    assert saved is not None and saved.value == 0
    refused = decide({"metrics": {"sign_bits_saved": saved.as_json()}}, None)
    assert not refused.promote
    assert "sign_bits_saved 0, its whole interval above 0 is needed" in refused.reasons


def test_texts_that_name_no_sign_cannot_tell_whether_the_model_listens(nano_model, processed) -> None:
    writer = inference.load(nano_model)
    own = score(writer, split(read_dataset(str(processed))[0]).held_out)
    assert bits_saved(writer, own, "sign", 0) is None
    assert bits_saved(writer, own, "topic", 0) is not None


def test_the_tone_is_swapped_only_for_a_model_that_was_taught_tones(nano_model, processed) -> None:
    writer, rows = inference.load(nano_model), split(read_dataset(str(processed))[0]).held_out
    assert tone_bits_saved(writer, rows, 0) is None
    writer.template = DEFAULT_TEMPLATE
    saved = tone_bits_saved(writer, rows, 0)
    assert saved is not None and saved.n == len(rows) and abs(saved.value) < 3 and saved.low < saved.high


def test_a_model_that_curses_is_refused(world) -> None:
    promoted, reasons = verdict(world, lambda prompt, seed: "Вот жопа. " + fresh(prompt, seed))
    assert not promoted and "yield" in reasons


def test_a_model_trained_on_held_out_texts_is_refused(world) -> None:
    parts = world[0]
    leaky = Gates.build([row.clean_text for row in [*parts.train, *parts.test]], [])
    share = evaluate.leaked(leaky, parts).value
    assert share == pytest.approx(len(parts.test) / len(parts.held_out))
    assert evaluate.leaked(Gates.build([r.clean_text for r in parts.train], []), parts).value == 0
    promoted, reasons = verdict(world, fresh, leaked_texts=share)
    assert not promoted and reasons.startswith("leaked_texts")


def test_a_model_of_random_weights_is_evaluated_registered_and_refused(
    nano_model: Path, processed: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_NEW_TOKENS", 24)
    address, model = str(tmp_path / "registry"), tmp_path / "model"
    shutil.copytree(nano_model, model)
    arguments = [
        "--model",
        str(model),
        "--data",
        str(processed),
        "--registry",
        address,
        "--candidates",
        "1",
    ]
    assert evaluate.main(arguments) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["version"] == 1 and said["metrics"]["yield"]["value"] == 0
    page = (model / "report.html").read_text()
    assert "<h2>Gates</h2>" in page and "Not to be promoted" in page and "retrieval" in page
    card = ModelCard((model / "README.md").read_text()).data
    assert {result.metric_type: result.metric_value for result in card.eval_results}["yield"] == 0
    promoted, decision = registry.promote(address, "2026-11-23T06:00:00+00:00")
    assert promoted is None
    assert any(reason.startswith("yield") for reason in decision.reasons)


def test_a_champion_is_asked_the_same_and_a_tie_with_it_does_not_promote(
    nano_model: Path, processed: Path, tmp_path: Path, monkeypatch
) -> None:
    """The champion is the model itself under another digest: the same texts, no difference, no promotion."""
    monkeypatch.setattr(sampling, "MAX_NEW_TOKENS", 24)
    address, twin = str(tmp_path / "registry"), tmp_path / "twin"
    for model in (first := tmp_path / "first", twin):
        shutil.copytree(nano_model, model)
    (first / "evaluation.json").write_text(json.dumps({"metrics": {}}))
    registry.register(address, first, "2026-11-22")
    registry._client(address).set_registered_model_alias(registry.NAME, registry.CHAMPION, "1")
    arguments = ["--model", str(twin), "--data", str(processed), "--registry", address, "--candidates", "1"]
    assert evaluate.main(arguments) == 0
    document = json.loads((twin / "evaluation.json").read_text())
    paired = document["against_champion"]
    assert paired["version"] == "1" and paired["repeats"] == 1
    assert [paired["bits_per_character_change"][end] for end in ("low", "value", "high")] == [0, 0, 0]
    assert "champion 1" in document["rows"] and "champion 1" in document["safety"]
    assert {"this model", "champion 1", "5-gram", "template"} == set(document["slices"]["source"]["made_up"])
    assert "Against champion 1" in (twin / "report.html").read_text()
    assert not decide(document, "1").promote


def test_a_metric_that_tells_people_from_nothing_is_marked() -> None:
    one, two = mean([0.0, 0.1, 0.2, 0.1]), mean([0.9, 1.0, 0.9, 0.8])
    assert discriminating({"a": one, "b": one}, [{"a": two, "b": one}]) == {"a": True, "b": False}


def test_the_same_comparison_repeats_when_the_gain_is_clear_and_wavers_when_it_is_not(processed) -> None:
    rows = split(read_dataset(str(processed))[0]).held_out
    rng = np.random.default_rng(0)
    bits = rng.normal(700, 60, len(rows))
    slight = bits - rng.normal(4, 16, len(rows))
    assert repeats(Scored(rows, bits * 0.9), Scored(rows, bits)) == 1.0
    assert 0.5 < repeats(Scored(rows, slight), Scored(rows, bits)) < 1.0


def test_a_missing_model_is_one_clear_line(processed: Path, tmp_path: Path, capsys) -> None:
    assert evaluate.main(["--model", str(tmp_path / "none"), "--data", str(processed)]) == 1
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and err.startswith("error: expected a trained model")
    assert json.loads(out)["outcome"] == "failed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoilt", "promoted"), [(0.0, 0), (0.25, 10)], ids=["as good as the champion", "better in yield"]
)
def test_the_decision_is_the_same_with_other_seeds(world, spoilt: float, promoted: int) -> None:
    """Two models of equal likelihood that pass every gate: the same but for their luck, or the champion
    spoils a share of its texts."""
    parts, yardstick, _ = world
    good = {limit.metric: {"value": v, "low": v} for limit in LIMITS for v in [float(limit.at_most is None)]}

    def champion(prompt: str, seed: int) -> str:
        return "" if random.Random(seed).random() < spoilt else fresh(prompt, seed + 2**62)

    decided = []
    for seed in range(10):
        ours, theirs = (
            evaluate.write_samples(
                inference.Writer(Scripted(say), DEFAULT_TEMPLATE, yardstick.known, "1"),
                parts.held_out, 3, seed,
            )
            for say in (fresh, champion)
        )  # fmt: skip
        answers = [(day, a, b) for (day, a), (_, b) in zip(ours.answers, theirs.answers, strict=True)]
        secondary = {name: figure.as_json() for name, figure in changes(answers, yardstick).items()}
        tie = {"value": 0.0, "low": -0.001, "high": 0.001}
        paired = {"version": "1", "bits_per_character_change": tie, "secondary": secondary}
        decided.append(decide({"metrics": good, "against_champion": paired}, "1"))
    assert sum(each.promote for each in decided) == promoted, [each.reasons for each in decided]
