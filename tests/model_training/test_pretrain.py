"""A base from prose and made-up horoscopes: what it learns from, that it is whole, that training can start
from it."""

import json
import random
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from model_training import pretrain, pretrain_corpus
from model_training.recipe import Shape

WORDS = ["утро", "день", "вечер", "ночь", "дорога", "письмо", "встреча", "тишина", "новый", "старый", "тихий"]
RECIPE = """
vocabulary = 400
epochs = 2.0
tokens_per_batch = 1024
save_every_steps = 5
[shape]
hidden_size = 32
num_hidden_layers = 1
num_attention_heads = 2
num_key_value_heads = 1
intermediate_size = 64
"""


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder with prose.txt, grammar.jsonl and base.toml."""
    rng = random.Random(5)
    prose = [" ".join(rng.choices(WORDS, k=40)).capitalize() + "." for _ in range(60)]
    (tmp_path / "prose.txt").write_text(
        "\n".join(["ГЛАВА I", "Peut-être, dit-il. " * 20, *prose]), encoding="utf-8"
    )
    rows = [{"sign": "leo", "topic": "love", "text": text} for text in prose[:24]]
    (tmp_path / "grammar.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "base.toml").write_text(RECIPE)
    return tmp_path


def make_corpus(texts: Path) -> int:
    return pretrain_corpus.main(
        [
            *("--config", str(texts / "base.toml"), "--prose", str(texts / "prose.txt")),
            *("--horoscopes", str(texts / "grammar.jsonl"), "--output", str(texts / "corpus")),
        ]
    )


def make_base(texts: Path) -> int:
    return pretrain.main(
        [
            *("--config", str(texts / "base.toml"), "--corpus", str(texts / "corpus")),
            *("--output", str(texts / "base")),
        ]
    )


def test_headings_and_foreign_lines_are_no_prose(texts: Path) -> None:
    assert len(list(pretrain_corpus.read_prose(texts / "prose.txt"))) == 60


def test_a_corpus_comes_back_as_it_was_saved_and_holds_some_prose_out(texts: Path) -> None:
    assert make_corpus(texts) == 0
    corpus = pretrain_corpus.load(texts / "corpus")
    learnt = corpus.tokenizer.batch_decode([example.ids for example in corpus.examples])
    assert len(corpus.held_out) == 3
    prose = "".join(
        text for text, example in zip(learnt, corpus.examples, strict=True) if not example.prompt_tokens
    )
    assert not any(text in prose for text in corpus.held_out)
    asked = [example for example in corpus.examples if example.prompt_tokens]
    assert len(asked) == 24
    prompt = corpus.tokenizer.decode(asked[0].ids[: asked[0].prompt_tokens])
    assert prompt.startswith("Знак: ") and prompt.endswith("\n\n")


def test_a_base_is_a_model_that_foretells_prose_better_than_chance(texts: Path, capsys) -> None:
    assert make_corpus(texts) == 0
    assert make_base(texts) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    tokenizer = AutoTokenizer.from_pretrained(texts / "base")
    held_out = pretrain_corpus.load(texts / "corpus").held_out
    tokens = sum(len(tokenizer(text)["input_ids"]) for text in held_out)
    by_chance = tokens * 8.64 / sum(map(len, held_out))  # log2(400) bits a token
    assert 0 < summary["held_out_bits_per_char"] < 0.95 * by_chance
    assert (texts / "base" / "losses.csv").exists()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (make_base, "expected examples.npz, found none"),
        (make_corpus, "expected at least 20 paragraphs"),
    ],
)
def test_too_little_to_learn_from_is_one_line_and_a_failure(texts: Path, capsys, program, said: str) -> None:
    (texts / "prose.txt").write_text("Коротко.")
    assert program(texts) == 1
    assert said in capsys.readouterr().err


def test_the_shipped_base_has_the_shape_its_recipe_says() -> None:
    package = Path(pretrain.__file__).parent
    shape = pretrain.load_recipe(package / "configs" / "base.toml").shape
    config = json.loads((package / "base" / "config.json").read_text())
    assert shape == Shape(**{name: config[name] for name in Shape.__dataclass_fields__})
