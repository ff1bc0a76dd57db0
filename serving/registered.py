"""The registry's models as publish needs them: registry address in, champion and previous champion out.

The only file that knows `model_training`; it imports the registry on call and the model on load, so
nothing else in serving ever touches torch or MLflow.
"""

from __future__ import annotations


def registered_models(registry: str) -> list:
    raise NotImplementedError
