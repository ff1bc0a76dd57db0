"""Texts to token ids, each text once. In: texts, a tokenizer. Out: their ids, from the disk if it has them.

Tokens depend on the tokenizer and the text alone, so a file stands for a tokenizer (by the hash of all its
settings), and in it each text is known by its hash: of a dataset that grew by a day, only that day's texts
are tokenised. Prompts, their template and the longest example allowed are no part of it; they are cheap and
come later. A file holds what the last run needed; a damaged one is made anew; the newest few are kept.
"""

import contextlib
import hashlib
import os
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from model_training.tokens import tokenised

FOLDER = "HOROSCOPE_TOKEN_CACHE"
"""Environment: where the files are (default: below the system's temporary folder)."""
KEPT_FILES = 4


def remembered(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """The ids of each text, without special tokens."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not texts:  # a tokenizer in Python has no settings to know it by
        return tokenised(texts, tokenizer)
    path = _folder() / f"{hashlib.sha256(backend.to_str().encode()).hexdigest()[:24]}.npz"
    known = _read(path)
    keys = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts]
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if missing:
        known |= dict(zip(missing, tokenised(list(missing.values()), tokenizer), strict=True))
        with contextlib.suppress(OSError):  # a full disk costs the next run a few seconds
            _write(path, {key: known[key] for key in keys})
    return [known[key] for key in keys]


def _folder() -> Path:
    """Ours alone: who can write here decides what is learnt."""
    default = Path(tempfile.gettempdir()) / f"horoscope-tokens-{os.getuid()}"
    folder = Path(os.environ.get(FOLDER) or default)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _read(path: Path) -> dict[bytes, list[int]]:
    """Text hash -> ids; empty where there is no file or no sound one (a zip checks its own sums)."""
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as saved:
            keys, ends, ids = saved["keys"], saved["ends"], saved["ids"].tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        print(f"warning: token cache {path} is damaged ({error}); made anew", file=sys.stderr, flush=True)
        return {}
    begins = [0, *ends.tolist()]
    return {key.tobytes(): ids[begins[at] : begins[at + 1]] for at, key in enumerate(keys)}


def _write(path: Path, known: dict[bytes, list[int]]) -> None:
    """Aside, then by a rename, so that nobody reads half of it; then the oldest files go."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".new", delete=False) as file:
        aside = Path(file.name)
        try:
            np.savez(
                file,
                keys=np.frombuffer(b"".join(known), np.uint8).reshape(-1, 8),
                ends=np.cumsum([len(ids) for ids in known.values()]),
                ids=np.array([one for ids in known.values() for one in ids], np.uint32),
            )
            file.flush()
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    files = sorted(path.parent.glob("*.npz"), key=lambda one: one.stat().st_mtime)
    for old in files[:-KEPT_FILES]:
        old.unlink(missing_ok=True)
