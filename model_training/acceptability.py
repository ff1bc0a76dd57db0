"""Is each sentence good Russian, by a model trained to tell? In: a directory of a sequence classifier trained
on RuCoLA (Mikhailov et al. 2022, arXiv:2210.12814), texts. Out: each text's share of good sentences.

No such model comes with this package; give `model_training.evaluate --acceptability-model DIR` one, for
example ruRoBERTa-large or ruBERT-base fine-tuned on RuCoLA.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model_training.baselines import sentences_of
from model_training.inference import ModelProblem

BATCH_SENTENCES = 64
MAX_TOKENS = 256


class SentenceJudge:
    """A classifier of sentences: called with texts, it gives the share of acceptable sentences of each."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelProblem when `folder` holds no classifier of two labels."""
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model: Any = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelProblem(
                f"expected a sequence classifier, found none ({str(error).splitlines()[0]}), in {folder}; "
                "give the directory of a model fine-tuned on RuCoLA"
            ) from error
        self.model = model.eval()
        self.acceptable = acceptable_label(model.config.id2label, folder)

    def __call__(self, texts: Sequence[str]) -> list[float]:
        import torch

        sentences = [sentences_of(text) for text in texts]
        flat = [sentence for text in sentences for sentence in text]
        accepted: list[bool] = []
        with torch.inference_mode():
            for start in range(0, len(flat), BATCH_SENTENCES):
                batch = self.tokenizer(
                    flat[start : start + BATCH_SENTENCES],
                    padding=True,
                    truncation=True,
                    max_length=MAX_TOKENS,
                    return_tensors="pt",
                )
                accepted += (self.model(**batch).logits.argmax(-1) == self.acceptable).tolist()
        verdicts = iter(accepted)
        return [sum(next(verdicts) for _ in text) / max(len(text), 1) for text in sentences]


def acceptable_label(names: dict[int, str], folder: Path) -> int:
    """The number of the label that means acceptable: by its name, else 1, as RuCoLA numbers them."""
    if len(names) != 2:
        raise ModelProblem(
            f"expected two labels, found {len(names)}, in {folder}; give a model fine-tuned on RuCoLA"
        )
    named = [number for number, name in names.items() if name.lower() in ("acceptable", "correct")]
    return int(named[0]) if named else 1
