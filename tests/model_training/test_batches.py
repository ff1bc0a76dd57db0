"""Tokens and labels: the loss falls where it should, and padding changes nothing."""

import pytest
import torch

from model_training.pretrain import new_model
from model_training.tokens import NO_LOSS, Example, blocks, collate, encode, train_tokenizer

SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 64,
}
TEXTS = ["Утро доброе.", "День длинный, вечер тихий.", "Ночь."] * 5


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, 300)


def test_any_text_survives_the_tokenizer(tokenizer) -> None:
    for text in ["Ёлка — «да»…", "emoji 🍵 too", "a\nb\tc", " leading"]:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == text


def test_loss_is_on_the_completion_and_the_end_only() -> None:
    short, long = Example([5, 6, 7, 8, 0], prompt_tokens=2), Example([5, 6, 9, 9, 9, 9, 0], prompt_tokens=1)
    batch = collate([[short, long]])
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 0, 0, 0], [5, 6, 9, 9, 9, 9, 0]]
    x = NO_LOSS
    assert batch["labels"].tolist() == [[x, x, 7, 8, 0, x, x], [x, 6, 9, 9, 9, 9, 0]]


def test_the_end_of_text_is_learnt_and_a_cut_text_teaches_none(tokenizer) -> None:
    whole, cut = encode([("Знак\n\n", "День."), ("Знак\n\n", "День. " * 30)], tokenizer, max_tokens=20)
    assert whole.ids[-1] == tokenizer.eos_token_id
    assert len(cut.ids) == 20
    assert cut.ids[-1] != tokenizer.eos_token_id


def test_logits_in_a_padded_batch_equal_those_of_each_text_alone(tokenizer) -> None:
    torch.manual_seed(0)
    model = new_model(tokenizer, SHAPE).eval()
    examples = encode([("Знак\n", text) for text in TEXTS[:3]], tokenizer, 64)
    with torch.inference_mode():
        together = model(input_ids=collate([examples])["input_ids"]).logits
        for row, example in enumerate(examples):
            alone = model(input_ids=torch.tensor([example.ids])).logits[0]
            torch.testing.assert_close(together[row, : len(example.ids)], alone, atol=1e-4, rtol=0)


def test_blocks_hold_the_whole_stream_but_its_tail(tokenizer) -> None:
    made = list(blocks(TEXTS, tokenizer, 16))
    stream = [
        token
        for text in TEXTS
        for token in [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    ]
    assert [token for block in made for token in block.ids] == stream[: len(stream) // 16 * 16]
