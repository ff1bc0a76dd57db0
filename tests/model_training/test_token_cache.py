"""The token cache gives what the tokenizer would, and only what it has not seen is tokenised."""

from pathlib import Path

import pytest

from model_training import token_cache
from model_training.token_cache import remembered
from model_training.tokens import tokenised, train_tokenizer

TEXTS = ["День будет хорош.", "", "Вечер удивит 😀.", "День будет хорош.", "Утро начнётся с письма."]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv(token_cache.FOLDER, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def asked(monkeypatch) -> list[list[str]]:
    """What the tokenizer itself was asked."""
    calls: list[list[str]] = []

    def spy(texts, tokenizer):
        calls.append(list(texts))
        return tokenised(texts, tokenizer)

    monkeypatch.setattr(token_cache, "tokenised", spy)
    return calls


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS * 3, 300)


def test_the_second_time_nothing_is_tokenised_and_a_new_text_alone_is(folder, asked, tokenizer) -> None:
    expected = tokenised(TEXTS, tokenizer)
    assert remembered(TEXTS, tokenizer) == expected == remembered(TEXTS, tokenizer)
    assert remembered([*TEXTS[2:], "Новое."], tokenizer) == [*expected[2:], *tokenised(["Новое."], tokenizer)]
    assert asked == [list(dict.fromkeys(TEXTS)), ["Новое."]]


def test_another_tokenizer_has_a_file_of_its_own_and_the_oldest_go(folder, asked, tokenizer) -> None:
    others = [train_tokenizer([letter * 9 for letter in "абвгде"[: n + 1]], 262 + n) for n in range(6)]
    for other in [tokenizer, *others]:
        assert remembered(TEXTS, other) == tokenised(TEXTS, other)
    assert len(asked) == 7
    assert len(list(folder.iterdir())) == token_cache.KEPT_FILES


@pytest.mark.parametrize("spoil", ["cut", "changed", "empty", "other"])
def test_a_damaged_file_is_made_anew(folder, asked, tokenizer, spoil: str, capsys) -> None:
    expected = remembered(TEXTS, tokenizer)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 0xFF
    path.write_bytes(
        {"cut": whole[:-40], "changed": bytes(changed), "empty": b"", "other": b"[]" * 400}[spoil]
    )
    assert remembered(TEXTS, tokenizer) == expected
    assert f"warning: token cache {path} is damaged" in capsys.readouterr().err
    assert path.read_bytes() == whole and len(asked) == 2


def test_what_is_written_is_whole_or_not_there(folder, tokenizer, monkeypatch) -> None:
    def no_room(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(token_cache.np, "savez", no_room)
    assert remembered(TEXTS, tokenizer) == tokenised(TEXTS, tokenizer)
    assert list(folder.iterdir()) == []
