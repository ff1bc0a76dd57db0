"""Large models on a GPU through vLLM (https://docs.vllm.ai), where it is installed: `pip install vllm`.

Each prompt has a seed of its own. vLLM batches as it sees fit, so the same text every time needs its batch
invariance (`VLLM_BATCH_INVARIANT=1` on the GPUs that have it).
"""

import json
from collections.abc import Sequence
from pathlib import Path

from model_training import sampling
from model_training.engines import Completion, EngineProblem

NEVER = -100.0
"""A bias on a logit that no draw overcomes, and the largest that vLLM takes."""


class VllmEngine:
    """A model served by vLLM inside this process."""

    def __init__(self, folder: Path) -> None:
        try:
            import vllm
        except ImportError as error:
            raise EngineProblem(
                f"expected vLLM, found {error}; pip install vllm, or choose another engine"
            ) from error
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.folder, self.vllm = folder, vllm
        limit = config["max_position_embeddings"]
        self.model = vllm.LLM(model=str(folder), max_model_len=limit, enable_prefix_caching=True)
        tokenizer = self.model.get_tokenizer()
        self.banned = sampling.banned_tokens([tokenizer.decode([token]) for token in range(len(tokenizer))])

    def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], signs: Sequence[str]
    ) -> list[Completion]:
        """See `Engine`."""
        how = [self._how(seed, sign) for seed, sign in zip(seeds, signs, strict=True)]
        written = [each.outputs[0] for each in self.model.generate(list(prompts), how, use_tqdm=False)]
        return [
            Completion(each.text, round(each.cumulative_logprob / max(len(each.token_ids), 1), 3))
            for each in written
        ]

    def _how(self, seed: int, sign: str) -> object:
        return self.vllm.SamplingParams(
            temperature=sampling.TEMPERATURE,
            top_p=sampling.TOP_P,
            top_k=sampling.TOP_K,
            max_tokens=sampling.MAX_NEW_TOKENS,
            seed=seed,
            logprobs=0,
            logit_bias=dict.fromkeys(self.banned[sign], NEVER),
        )
