"""Texts to token batches. In: (prompt, completion) pairs. Out: batches of ids and labels with little padding.

Our texts are short, 70-150 tokens, so padding is most of the cost of a naive run. Examples of like length
share a batch of a fixed token budget; padding is on the right and carries no loss, so under a causal mask it
changes nothing and no attention mask is needed: the logits equal those of each text alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"
NO_LOSS = -100
"""The label PyTorch's cross-entropy leaves out."""


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of prompt, completion and end of text; the loss starts at `prompt_tokens`."""

    ids: list[int]
    prompt_tokens: int


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE: any text can be written in it, so there is no unknown token. Same texts, same
    tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT, pad_token=END_OF_TEXT
    )


def tokenised(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """The ids of each text, without special tokens."""
    ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
    return ids


def encode(
    pairs: Sequence[tuple[str, str]],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    prompt_ends: bool = False,
    tokenise: Callable[[Sequence[str], PreTrainedTokenizerBase], list[list[int]]] = tokenised,
) -> list[Example]:
    """Prompt and completion are tokenised apart, so the border never moves; the end of text is learnt.

    An example longer than `max_tokens` is cut at the end (and then teaches no end of text). `prompt_ends`:
    the prompt has an end of text too, as encoders expect. `tokenise`: how the completions are.
    """
    end = tokenizer.eos_token_id
    different = list(dict.fromkeys(prompt for prompt, _ in pairs))
    border = [end] if prompt_ends else []
    prompts = {
        prompt: [*ids, *border]
        for prompt, ids in zip(different, tokenised(different, tokenizer), strict=True)
    }
    completions = tokenise([completion for _, completion in pairs], tokenizer)
    return [
        Example(ids=[*prompts[prompt], *ids, end][:max_tokens], prompt_tokens=len(prompts[prompt]))
        for (prompt, _), ids in zip(pairs, completions, strict=True)
    ]


def collate(batch: Sequence[Sequence[Example]]) -> dict[str, torch.Tensor]:
    """One or more groups of examples as `input_ids` and `labels`, [texts, longest text], padded on the
    right."""
    examples = [example for group in batch for example in group]
    longest = max(len(example.ids) for example in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    labels = torch.full((len(examples), longest), NO_LOSS)
    for row, example in enumerate(examples):
        length = len(example.ids)
        ids[row, :length] = torch.tensor(example.ids)
        labels[row, example.prompt_tokens : length] = ids[row, example.prompt_tokens : length]
    return {"input_ids": ids, "labels": labels}


def blocks(texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, length: int) -> Iterator[Example]:
    """Plain texts as one stream cut into examples of `length` tokens, for pretraining; the tail is left
    out."""
    stream: list[int] = []
    for text in texts:
        stream += [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        whole = len(stream) // length * length
        for start in range(0, whole, length):
            yield Example(stream[start : start + length], prompt_tokens=0)
        stream = stream[whole:]
