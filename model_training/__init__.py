"""Cleaned horoscopes in, a proved language model out: train, evaluate, promote, write.

Train: `python -m model_training.train --help`; prove: `… .evaluate`; decide: `… .registry`; write: `…
.inference`.
"""
