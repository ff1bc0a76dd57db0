"""The engines: logits equal transformers', and a text depends on its prompt, seed and sign alone."""

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from model_training import sampling
from model_training.engines import EngineProblem, open_engine
from model_training.engines.compact import CompactEngine
from model_training.engines.llama import Llama
from model_training.engines.pretrained import TorchEngine
from model_training.likelihood import bits_of, stepped_bits_of
from model_training.prompts import DEFAULT_TEMPLATE, SIGN_NAMES

CPU = torch.device("cpu")
PROMPTS = [
    DEFAULT_TEMPLATE.render({"sign": sign, "length": "400-450", **({"topic": "love"} if number % 2 else {})})
    for number, sign in enumerate(SIGN_NAMES)
]
SIGNS = list(SIGN_NAMES)
UNSEEN = (
    "Синица за окном напомнит о том, что зима не вечна. Разберите ящик с письмами: одно из них ждёт ответа.",
    "Начальник попросит о небольшой услуге. Соглашайтесь, но назовите срок. Вечер проведите с книгой.",
)


def stepped(model: Llama, ids: torch.Tensor) -> torch.Tensor:
    """Logits of all places, one step at a time, [rows, places, vocabulary]."""
    with torch.inference_mode():
        writing = model.begin(*ids.shape)
        return torch.stack([writing.step(ids[:, at]) for at in range(ids.shape[1])], 1)


SHAPES = {
    "like the base": {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64},
    "one key head": {"num_attention_heads": 4, "num_key_value_heads": 1},
    "no groups, own head, another base": {
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "tie_word_embeddings": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
    },
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_compact_decoder_gives_transformers_logits(shape: dict, tmp_path: Path) -> None:
    torch.manual_seed(3)
    sizes = {"hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 3, "vocab_size": 320}
    config = LlamaConfig(**{"tie_word_embeddings": True, **sizes, **shape}, max_position_embeddings=64)
    model = LlamaForCausalLM(config).eval()
    for norm in [module for name, module in model.named_modules() if name.endswith("norm")]:
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    model.save_pretrained(tmp_path)
    ids = torch.randint(0, 320, (3, 40))
    with torch.inference_mode():
        exact = model(ids).logits
        rounded = model.to(torch.bfloat16)(ids).logits.float()
    assert (stepped(Llama(tmp_path, "float32", CPU), ids) - exact).abs().max() < 1e-5
    theirs = (rounded - exact).abs().mean()
    assert (stepped(Llama(tmp_path, "bfloat16", CPU), ids) - exact).abs().mean() < 1.2 * theirs
    assert (stepped(Llama(tmp_path, "int8", CPU), ids) - exact).abs().mean() < 4 * theirs


def test_what_int8_loses_in_bits_is_bounded() -> None:
    """The shipped base, texts it never saw. Measured on held-out texts: EXPERIMENTS.md."""
    base = Path(sampling.__file__).parent / "base"
    engine = TorchEngine(base, dtype=torch.float32)
    pairs = [(prompt, text) for prompt in PROMPTS[:2] for text in UNSEEN]
    exact = bits_of(engine, pairs)
    for precision, most in (("float32", 1e-5), ("bfloat16", 0.01), ("int8", 0.02)):
        found = stepped_bits_of(Llama(base, precision, CPU), engine.tokenizer, pairs)
        assert abs(found.sum() / exact.sum() - 1) < most, precision


@pytest.fixture(autouse=True)
def short_texts(monkeypatch) -> None:
    monkeypatch.setattr(sampling, "MAX_NEW_TOKENS", 60)


@pytest.fixture(scope="module")
def compact(nano_model: Path) -> CompactEngine:
    return CompactEngine(nano_model, threads=1)


def test_same_seed_same_text_whoever_stands_beside_it(compact: CompactEngine) -> None:
    seeds = list(range(12))
    together = compact.complete(PROMPTS, seeds, SIGNS)
    each = zip(PROMPTS, seeds, SIGNS, strict=True)
    assert together == [compact.complete([prompt], [seed], [sign])[0] for prompt, seed, sign in each]
    turned = compact.complete(PROMPTS[::-1] * 3, seeds[::-1] * 3, SIGNS[::-1] * 3)
    assert turned[:12] == together[::-1] and turned[24:] == together[::-1]
    assert compact.complete(PROMPTS, [seed + 1 for seed in seeds], SIGNS) != together
    assert len({text for text, _ in together}) == 12 and all(text for text, _ in together)


def test_the_number_of_threads_and_the_size_of_a_batch_change_no_text(
    compact: CompactEngine, nano_model: Path
) -> None:
    asked = PROMPTS * 2, list(range(24)), SIGNS * 2
    expected = compact.complete(*asked)
    for threads, rows in ((2, 96), (3, 5), (1, 7)):
        engine = CompactEngine(nano_model, threads=threads)
        engine.rows_a_batch = rows
        assert engine.complete(*asked) == expected


def test_torch_has_its_threads_back_afterwards(compact: CompactEngine) -> None:
    before = torch.get_num_threads()
    compact.complete(PROMPTS[:1], [1], SIGNS[:1])
    assert torch.get_num_threads() == before


def test_greedy_choice_equals_transformers_own_generate(nano_model: Path, monkeypatch) -> None:
    monkeypatch.setattr(sampling, "TOP_K", 1)
    monkeypatch.setattr(sampling, "MAX_NEW_TOKENS", 24)
    ours = TorchEngine(nano_model, dtype=torch.float32)
    compact = CompactEngine(nano_model, precision="float32")
    tokenizer = AutoTokenizer.from_pretrained(nano_model)
    model = AutoModelForCausalLM.from_pretrained(nano_model, dtype=torch.float32)
    prompts = PROMPTS[:2]
    expected = []
    for prompt in prompts:
        ids = torch.tensor([tokenizer(prompt, add_special_tokens=False)["input_ids"]])
        theirs = model.generate(ids, max_new_tokens=24, do_sample=False)[0, ids.shape[1] :]
        expected.append(tokenizer.decode(theirs, skip_special_tokens=True))
    for engine in (ours, compact):
        engine.banned = {sign: [] for sign in SIGNS}
        assert [text for text, _ in engine.complete(prompts, [1, 2], SIGNS[:2])] == expected


def test_what_names_another_sign_is_never_drawn(compact: CompactEngine) -> None:
    pieces = [compact.texts.decode([token]) for token in range(compact.texts.get_vocab_size())]
    without = [token for token, piece in enumerate(pieces) if "о" in piece or "\ufffd" in piece]
    (free, _), *_ = compact.complete(PROMPTS[:1], [1], ["leo"])
    banned = compact.banned
    try:
        compact.banned = {"leo": without}
        (text, _), *_ = compact.complete(PROMPTS[:1], [1], ["leo"])
    finally:
        compact.banned = banned
    assert "о" in free and text and "о" not in text


@pytest.mark.parametrize("vocabulary", [256, 300])
def test_a_draw_follows_the_nucleus(vocabulary: int) -> None:
    chances = torch.full((vocabulary,), 1e-12)
    places = torch.tensor([250, 3, 130, 70])
    chances[places] = torch.tensor([0.6, 0.3, 0.06, 0.04])
    rows = 4000
    uniform = torch.rand(rows, 2, generator=torch.Generator().manual_seed(1))
    tokens, logs = sampling.sample((chances.log() * sampling.TEMPERATURE).repeat(rows, 1), uniform)
    found = {int(place): float((tokens == place).float().mean()) for place in places}
    assert set(tokens.tolist()) == {250, 3, 130}
    assert found[250] == pytest.approx(0.6 / 0.96, abs=0.03)
    assert found[3] == pytest.approx(0.3 / 0.96, abs=0.03)
    assert logs[tokens == 250].exp().mean() == pytest.approx(0.6, abs=1e-3)


def test_top_k_bounds_a_flat_distribution() -> None:
    logits = torch.linspace(0, 0.001, 512).repeat(300, 1)
    uniform = torch.rand(300, 2, generator=torch.Generator().manual_seed(2))
    tokens, _ = sampling.sample(logits, uniform)
    assert int(tokens.min()) >= 512 - sampling.TOP_K


def test_models_that_the_compact_decoder_does_not_read_go_to_transformers(tmp_path: Path, nano_model) -> None:
    assert type(open_engine(nano_model)) is CompactEngine
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256, "vocab_size": 400}
    GPT2LMHeadModel(GPT2Config(**sizes, eos_token_id=0, bos_token_id=0)).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(nano_model).save_pretrained(tmp_path)
    engine = open_engine(tmp_path)
    assert type(engine) is TorchEngine
    asked = PROMPTS[:2], [1, 2], SIGNS[:2]
    assert engine.complete(*asked) == engine.complete(*asked)


def test_an_engine_that_is_not_here_says_what_to_do(nano_model: Path) -> None:
    with pytest.raises(EngineProblem, match=r"expected an engine of auto, compact.*'fastest'"):
        open_engine(nano_model, "fastest")
    with pytest.raises(EngineProblem, match=r"expected vLLM.*pip install vllm"):
        open_engine(nano_model, "vllm")
