"""Packs: every text once, nothing padded, and the logits and gradients of each text those it has alone."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from model_training import loop, packing
from model_training.attention import read_packs
from model_training.completion_loss import SummedCrossEntropy, loss_and_gradient
from model_training.loop import made_ready
from model_training.packing import batches, collate, halves, pack, shape_of
from model_training.tokens import Example

SMALL = {"vocab_size": 90, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "tie_word_embeddings": True,
}
T5 = {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 0,
}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0}
EXAMPLES = [
    Example([5, 6, 7, 8, 9, 0], 2),
    Example([3, 4, 0], 1),
    Example([11, 12, 13, 14, 15, 16, 17, 0], 0),
    Example([40], 1),
]


def model_of(kind: str):
    torch.manual_seed(7)
    if kind == "gpt2":
        return GPT2LMHeadModel(GPT2Config(**SMALL, **GPT2)).eval()
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**SMALL, **SHAPE)).eval()
    return Qwen3ForCausalLM(Qwen3Config(**SMALL, **SHAPE, head_dim=16)).eval()


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80), st.integers(20, 400))
def test_each_example_is_in_one_pack_that_holds_it(lengths: list[int], capacity: int) -> None:
    examples = [Example([number] * length, 1) for number, length in enumerate(lengths)]
    made = pack(examples, capacity, seed=3)
    assert sorted(e.ids[0] for one in made for e in one) == list(range(len(lengths)))
    assert all(sum(len(e.ids) for e in one) <= max(capacity, *lengths) for one in made)
    fuller = [sum(len(e.ids) for e in one) for one in made]
    assert sum(1 for tokens in fuller if tokens <= min(capacity, *fuller) and tokens <= capacity / 2) <= 1, (
        "two packs that would fit into one"
    )


def test_packs_of_short_texts_are_all_but_full() -> None:
    examples = [Example([1] * (70 + number * 37 % 81), 10) for number in range(2000)]
    made = pack(examples, 4096, seed=1)
    assert sum(len(e.ids) for one in made for e in one) / (len(made) * 4096) > 0.97


def test_batches_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    examples = [Example([n] * (n % 7 + 2), 1) for n in range(60)]
    assert batches(examples, 40, 20, 1) == batches(examples, 40, 20, 1) != batches(examples, 40, 20, 2)
    assert all(len(batch) <= 2 for batch in batches(examples, 40, 20, 1))


def test_the_tensors_of_a_pack() -> None:
    made = collate([Example([5, 6, 7, 0], 2), Example([8, 9], 0)])
    assert made["input_ids"].tolist() == [[5, 6, 7, 0, 8, 9]]
    assert made["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1]]
    assert made["scored"].tolist() == [1, 2, 4], "the places before 7, 0 and 9"
    assert made["targets"].tolist() == [7, 0, 9]
    assert made["starts"].tolist() == [0, 4, 6]
    assert made["longest"] == 4


@given(st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=12), min_size=1, max_size=6))
def test_every_pack_of_a_run_takes_the_one_shape_and_its_halves_the_half_of_it(
    packs: list[list[int]],
) -> None:
    run = [[[Example([1] * length, 1) for length in one] for one in packs]]
    shape = shape_of(run)
    for one in run[0]:
        made = collate(one, shape)
        assert made["input_ids"].shape == (1, shape.tokens)
        assert made["starts"].shape == (shape.texts + 1,)
        assert made["starts"].diff().max() <= made["longest"] == shape.longest
        assert made["starts"][-1] == shape.tokens
        for half in halves(one):
            smaller = packing.half_of(shape)
            assert collate(half, smaller)["starts"].shape == (smaller.texts + 1,)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_halves_hold_the_pack(lengths: list[int]) -> None:
    one = [Example([number] * length, 1) for number, length in enumerate(lengths)]
    made = halves(one)
    assert [e for half in made for e in half] == one
    assert len(made) == min(2, len(one))


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("attention", ["padded", "masked"])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gpt2"])
def test_logits_in_a_pack_equal_those_of_each_text_alone(kind: str, attention: str, filled: bool) -> None:
    model = model_of(kind)
    alone = [model(input_ids=torch.tensor([example.ids])).logits[0] for example in EXAMPLES]
    read_packs(model, attention)
    made = collate(EXAMPLES, packing.Shape(40, 9, 8) if filled else None)
    borders = {} if attention == "masked" else {"starts": made["starts"], "longest": made["longest"]}
    together = model(
        input_ids=made["input_ids"], position_ids=made["position_ids"], use_cache=False, **borders
    ).logits[0]
    torch.testing.assert_close(together[: sum(map(len, alone))], torch.cat(alone), atol=1e-4, rtol=0)


@pytest.mark.parametrize("attention", ["padded", "masked"])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gpt2"])
def test_loss_and_gradients_of_a_pack_are_the_sum_over_its_texts(kind: str, attention: str) -> None:
    model = model_of(kind)
    expected = torch.zeros(())
    for example in EXAMPLES:
        ids = torch.tensor([example.ids])
        logits = model(input_ids=ids).logits[0, :-1]
        labels = ids[0, 1:].clone()
        labels[: max(example.prompt_tokens - 1, 0)] = -100
        expected = expected + functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
    expected.backward()
    wanted = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    with made_ready(model, schedule_with(attention), None, torch.device("cpu")):
        loss = model(**collate(EXAMPLES))["loss"]
        loss.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-4)
    for name, weight in model.named_parameters():
        torch.testing.assert_close(weight.grad, wanted[name], atol=1e-4, rtol=0, msg=name)
    assert "forward" not in vars(model), "the model is given back as it was"
    assert model.config._attn_implementation == "sdpa"


def schedule_with(attention: str) -> loop.Schedule:
    return loop.Schedule(1, "adamw", 0, 1e-3, 0, 0, 1, attention=attention)


@pytest.mark.parametrize("way", ["plain", "compiled"])
def test_the_loss_in_chunks_equals_the_whole(way: str, monkeypatch) -> None:
    score = torch.compile(loss_and_gradient, backend="eager") if way == "compiled" else loss_and_gradient
    monkeypatch.setattr("model_training.completion_loss.CHUNK", 7)
    torch.manual_seed(1)
    hidden, weight = torch.randn(30, 8, requires_grad=True), torch.randn(50, 8, requires_grad=True)
    targets = torch.randint(50, (30,))
    loss = SummedCrossEntropy.apply(hidden, weight, targets, score)
    (loss / math.pi).backward()
    ours = hidden.grad.clone(), weight.grad.clone()
    hidden.grad = weight.grad = None
    expected = functional.cross_entropy(hidden @ weight.T, targets, reduction="sum")
    (expected / math.pi).backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(ours[0], hidden.grad)
    torch.testing.assert_close(ours[1], weight.grad)


def test_the_loss_of_a_padded_pack_of_an_encoder_decoder_is_the_sum_over_its_texts() -> None:
    torch.manual_seed(3)
    model = T5ForConditionalGeneration(T5Config(**SMALL, **T5)).eval()
    examples = [Example([5, 6, 0, 7, 8, 9, 0], 3), Example([3, 0, 4, 0], 2)]
    expected = 0.0
    for example in examples:
        prompt = torch.tensor([example.ids[: example.prompt_tokens]])
        text = torch.tensor([example.ids[example.prompt_tokens :]])
        expected += model(input_ids=prompt, labels=text).loss.item() * text.numel()
    with made_ready(model, schedule_with("auto"), None, torch.device("cpu")):
        assert model(**packing.collate_pairs(examples))["loss"].item() == pytest.approx(expected, abs=1e-4)
    assert packing.scored(examples, pairs=True) == 6
