"""The user's settings of Keras change nothing, and are the user's again afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from deep_storm.networks import make_network
from deep_storm.networks.keras_settings import own_settings
from deep_storm.settings import Network


@pytest.fixture
def theirs():
    """Half precision and channels first, as a program that runs us may have set them."""
    from keras import config

    before = config.floatx(), config.image_data_format(), config.epsilon(), config.dtype_policy()
    config.set_floatx("float16")
    config.set_image_data_format("channels_first")
    config.set_epsilon(1e-3)
    config.set_dtype_policy("mixed_float16")
    yield config
    config.set_floatx(before[0])
    config.set_image_data_format(before[1])
    config.set_epsilon(before[2])
    config.set_dtype_policy(before[3])


def test_networks_are_made_as_always(theirs):
    network = make_network(Network()).build()
    assert {layer.dtype_policy.name for layer in network.layers} == {"float32"}
    assert network.output_shape[-1] == 37
    assert theirs.floatx() == "float16"
    assert theirs.image_data_format() == "channels_first"
    assert theirs.dtype_policy().name == "mixed_float16"


def test_an_error_brings_the_users_settings_back_too(theirs):
    with own_settings():
        assert theirs.floatx() == "float32"
        assert theirs.epsilon() == 1e-7
    with pytest.raises(ZeroDivisionError), own_settings():
        raise ZeroDivisionError
    assert theirs.floatx() == "float16"
    assert theirs.epsilon() == 1e-3


def test_another_backend_in_the_settings_is_passed_over(tmp_path):
    about = {"floatx": "float16", "backend": "theano", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(about))
    script = (
        "from deep_storm.networks.keras_settings import load_keras; load_keras(); "
        "import keras, os; print(keras.backend.backend(), os.environ['KERAS_BACKEND'])"
    )
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["tensorflow", "jax"]
