"""What tells people's Russian from a weak model's: words, agreement, coherence; and a sentence model."""

import random
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

from model_training.acceptability import SentenceJudge, acceptable_label
from model_training.coherence import Coherence
from model_training.inference import ModelProblem
from model_training.morphology import content_lemmas, mistakes, unknown_words
from model_training.nonsense import WordChain

GOOD = (
    "Утро начнётся с хорошей новости, и она задаст тон всему дню. В семейном кругу найдите время для тех, "
    "кто вас любит: полный событий вечер у окна согреет лучше подарков. Вы удивитесь, что за человек сосед."
)


def test_good_russian_has_no_made_up_words_and_no_mistakes() -> None:
    assert unknown_words(GOOD) == [] and mistakes(GOOD) == []


def test_made_up_words_are_found_but_numbers_and_hyphens_are_none() -> None:
    assert unknown_words("Женщинам-львам к 18 часам светит хоспективность.") == ["хоспективность"]


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("Вас ждёт вредный плане.", "вредный плане"),
        ("К вечера станет легче.", "к вечера"),
        ("От этого вы зависит.", "вы зависит"),
        ("Ваши период пройдёт.", "ваши период"),
        ("Отличная сферы влияния.", "отличная сферы"),
    ],
)
def test_neighbours_that_cannot_agree_are_found(text: str, pair: str) -> None:
    assert mistakes(text) == [pair]


@pytest.mark.parametrize(
    "text",
    [
        "Каждый вечером вернётся.",
        "К их дому ведёт тропа.",
        "В лесу и на мосту тихо.",
        "Чашка чаю с молоком.",
        "Наш судья прав.",
    ],
)
def test_pairs_with_one_right_reading_pass(text: str) -> None:
    assert mistakes(text) == []


def test_content_is_what_is_left_without_service_words() -> None:
    assert content_lemmas("Он и она не спешили домой, к вашим книгам.") == ["спешить", "домой", "книга"]


def test_words_that_belong_together_score_above_the_same_words_shuffled() -> None:
    subjects = [["кот", "молоко", "лапа", "мышь", "хвост"], ["роза", "сад", "лейка", "клумба", "лист"]]
    rng = random.Random(0)
    training = [" ".join(rng.choices(words, k=12)) for words in subjects * 40]
    coherence = Coherence.build(training)
    mixed = " ".join(rng.choices(subjects[0] + subjects[1], k=12))
    assert coherence.score(training[0]) > 0.1 > coherence.score(mixed)
    assert coherence.score("совсем иные слова") == 0 == Coherence.build([]).score(GOOD)


def test_the_chain_of_words_is_well_formed_nonsense(make_rows) -> None:
    texts = [row["clean_text"] for row in make_rows(10)]
    chain = WordChain(texts)
    written = [chain.write(seed) for seed in range(20)]
    assert written == [chain.write(seed) for seed in range(20)] and len(set(written)) == 20
    assert not set(written) & set(texts)
    assert {word for text in written for word in text.split()} <= {
        word for text in texts for word in text.split()
    }
    assert all(329 <= len(text) <= 515 for text in written)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory, nano_model: Path) -> Path:
    """A sentence classifier of random weights, in the form of one fine-tuned on RuCoLA."""
    folder = tmp_path_factory.mktemp("rucola")
    tokenizer = AutoTokenizer.from_pretrained(nano_model)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, num_labels=2, pad_token_id=tokenizer.pad_token_id or 0,
    )  # fmt: skip
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_the_sentence_model_judges_each_sentence_alone(classifier: Path) -> None:
    judge = SentenceJudge(classifier)
    sentences = ["Утро будет добрым.", "Вечер принесёт покой!", "Друг позвонит сам.", "Кот спит?"]
    alone = judge(sentences)
    assert set(alone) == {0.0, 1.0}
    assert judge([" ".join(sentences)]) == [pytest.approx(sum(alone) / 4)]
    assert judge([]) == []


def test_the_acceptable_label_is_found_by_name_or_by_rucolas_numbering(tmp_path: Path) -> None:
    assert acceptable_label({0: "LABEL_0", 1: "LABEL_1"}, tmp_path) == 1
    assert acceptable_label({0: "acceptable", 1: "unacceptable"}, tmp_path) == 0
    with pytest.raises(ModelProblem, match="expected two labels, found 3"):
        acceptable_label({0: "a", 1: "b", 2: "c"}, tmp_path)


def test_no_sentence_model_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ModelProblem, match="expected a sequence classifier, found none"):
        SentenceJudge(tmp_path)
