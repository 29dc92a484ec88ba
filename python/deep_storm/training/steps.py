"""Compiled training step and validation loss, on one device or on several.

With ``mirrored``, every device holds the same weights, takes its share of each batch and computes
gradients, of which all apply the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deep_storm.errors import SettingsError
from deep_storm.networks.base import LocalizationNetwork, Truth
from deep_storm.training.data import Batch

if TYPE_CHECKING:
    import keras

WEIGHT_DECAY = 1e-4


def mirrored(batch: int) -> Any:
    """Return TensorFlow's strategy over all GPUs; without any, the default strategy.

    Parameters
    ----------
    batch
        Patches in a step, to be shared.

    Raises
    ------
    SettingsError
        There are not two devices, or they cannot share a batch evenly.
    """
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        raise SettingsError(
            f"strategy 'mirrored' with {len(devices)} device ({devices[0].device_type})",
            "several GPUs that TensorFlow sees (deep-storm doctor lists them)",
            "leave --strategy out",
        )
    if batch % len(devices):
        raise SettingsError(
            f"a batch of {batch} patches on {len(devices)} devices",
            f"a multiple of {len(devices)}",
            f"give --batch {-(-batch // len(devices)) * len(devices)}",
        )
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def compiled(
    model: keras.Model, network: LocalizationNetwork, alike: bool = False
) -> tuple[Any, Any, Any]:
    """Return the compiled training step, the compiled validation loss and the optimizer.

    The model decides where they run: one that was built in the scope of a strategy is trained
    with it.

    Parameters
    ----------
    model, network
        What is trained, and its loss.
    alike
        Whether the same is expected of all patches of a batch: of one experiment. It is faster.
    """
    import keras
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()
    optimizer = keras.optimizers.AdamW(learning_rate=1e-5, weight_decay=WEIGHT_DECAY, clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    frames = tf.TensorSpec((None, None, None, model.inputs[0].shape[-1]), tf.float32)
    rows = tf.TensorSpec((None, None), tf.float32)
    expected = tf.TensorSpec((1 if alike else None, None), tf.float32)
    signature = [frames, expected, *[rows] * 5, tf.TensorSpec((None, None, None), tf.float32)]

    def learn(*tensors: Any) -> Any:
        with tf.GradientTape() as tape:
            value = _loss(network, model, tensors, training=True)
        gradients = tape.gradient(value, model.trainable_variables)
        if strategy.num_replicas_in_sync > 1:
            every = tf.distribute.get_replica_context()
            gradients = every.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return value

    def learn_share(*tensors: Any) -> Any:
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        return learn(*(_share(t, number, strategy.num_replicas_in_sync) for t in tensors))

    @tf.function(input_signature=signature, autograph=False)
    def step(*tensors: Any) -> Any:
        if strategy.num_replicas_in_sync == 1:
            return learn(*tensors)
        losses = strategy.run(learn_share, args=tensors)
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, losses, axis=None)

    @tf.function(input_signature=signature, autograph=False)
    def loss(*tensors: Any) -> Any:
        return _loss(network, model, tensors, training=False)

    return step, loss, optimizer


def _share(tensor: Any, number: Any, count: int) -> Any:
    """Return one of several equal parts of a batch; what is the same for all, to each."""
    import tensorflow as tf

    if tensor.shape[0] == 1:
        return tensor
    size = tf.shape(tensor)[0] // count
    return tensor[number * size : (number + 1) * size]


def _loss(
    network: LocalizationNetwork, model: keras.Model, tensors: Sequence[Any], training: bool
) -> Any:
    answer = network.answer(model, tensors[0], tensors[1], training)
    return network.loss(answer, Truth(*tensors[2:]))


def tensors_of(batch: Batch) -> list[Any]:
    """Convert a batch to TensorFlow's tensors."""
    import tensorflow as tf

    return [tf.constant(v, tf.float32) for v in (batch.frames, batch.expectations, *batch.truth)]
