"""Keras set up for our networks, whatever the user's settings of Keras are.

``keras.json``, ``KERAS_BACKEND`` and a program that changed Keras's globals may ask for another
backend, half precision or channels first. Our networks are built for TensorFlow, single precision
and channels last, and so that is set while they are made and used, and set back afterwards.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deep_storm.errors import SettingsError

BACKEND = "tensorflow"
_EPSILON = 1e-7


def load_keras() -> None:
    """Import Keras with TensorFlow as its backend, unless it is imported already.

    Raises
    ------
    SettingsError
        It is loaded already with another backend, which cannot be changed.
    """
    if "keras" not in sys.modules:
        before = os.environ.get("KERAS_BACKEND")
        os.environ["KERAS_BACKEND"] = BACKEND
        try:
            import keras  # noqa: F401
        finally:
            if before is None:
                del os.environ["KERAS_BACKEND"]
            else:
                os.environ["KERAS_BACKEND"] = before
    from keras import backend

    if backend.backend() != BACKEND:
        raise SettingsError(
            f"Keras is loaded already, with the backend {backend.backend()!r}",
            BACKEND,
            "start a new Python (in a notebook: restart the kernel), and load the model before "
            "Keras or without KERAS_BACKEND",
        )


@contextmanager
def own_settings(dtype: str = "float32") -> Iterator[None]:
    """Use our settings of Keras; the user's are restored afterwards.

    Parameters
    ----------
    dtype
        Of layers that are made meanwhile, or a policy of Keras, as :func:`computing_in` gives.
    """
    load_keras()
    from keras import config

    policy = config.dtype_policy()
    before = config.floatx(), config.epsilon(), config.image_data_format()
    _set("float32", _EPSILON, "channels_last")
    config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        _set(*before)
        config.set_dtype_policy(policy)


def computing_in(dtype: str) -> str:
    """Return Keras's policy of layers that compute in a type, with weights in float32."""
    return dtype if dtype == "float32" else f"mixed_{dtype}"


def _set(floatx: str, epsilon: float, image_data_format: str) -> None:
    from keras import config

    config.set_floatx(floatx)
    config.set_epsilon(epsilon)
    config.set_image_data_format(image_data_format)
