"""Diversity of handfuls whose answer is known."""

import math

import pytest

from model_training.diversity import MeaningSpace, distinct, self_bleu

APART = ["один два три четыре пять шесть", "семь восемь девять десять сто двести"]


def test_distinct_runs_are_counted_over_all_texts() -> None:
    assert distinct(APART, 2) == 1
    assert distinct(APART * 5, 2) == pytest.approx(0.2)
    assert distinct(["а б а б"], 1) == 0.5
    assert distinct([], 2) == 0


def test_self_bleu_of_copies_is_one_and_of_strangers_nearly_nothing() -> None:
    assert self_bleu(APART * 2) == pytest.approx(1)
    assert self_bleu(APART) < 0.12
    assert self_bleu(APART[:1]) == 0


def test_self_bleu_is_the_geometric_mean_of_four_precisions() -> None:
    """«а б в г д» beside «а б в г е»: 4 of 5 words, 3 of 4 pairs, 2 of 3 triples, 1 of 2 fours."""
    expected = (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)
    assert self_bleu(["а б в г д", "а б в г е"]) == pytest.approx(expected)
    shorter = self_bleu(["а б в г", "а б в г д е ж з"])
    assert shorter < self_bleu(["а б в г", "а б в г"]) and not math.isnan(shorter)


def test_texts_of_one_subject_spread_less_than_texts_of_many() -> None:
    subjects = [
        ["кот", "молоко", "лапа", "мышь"],
        ["роза", "сад", "лейка", "клумба"],
        ["поезд", "вокзал", "билет", "рельсы"],
    ]
    training = [" ".join((words * 3)[at : at + 5]) for words in subjects for at in range(6)]
    space = MeaningSpace.build(training)
    one, many = training[:3], training[::6]
    assert space.spread(one) < 0.2 < 0.8 < space.spread(many)
    assert space.spread(one[:1]) == 0
