"""Trains a model from beginning to end: data, network, training, calibration."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import Cancelled, ModelError
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.model import Model
from deep_storm.model_card import NETWORK_VERSION, ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import LocalizationNetwork, Scales
from deep_storm.networks.device import is_out_of_memory, place
from deep_storm.networks.precision import learning_dtype
from deep_storm.progress import Progress, silent
from deep_storm.psf.code import GAUSSIAN, psf_code
from deep_storm.psf.depth import reach_of
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Background, Device, Emitters, Network, Psf, Training
from deep_storm.simulation.on_times import as_seen
from deep_storm.training.calibration import calibrate
from deep_storm.training.checkpoint import Keeper
from deep_storm.training.data import SimulatedData, TrainingData
from deep_storm.training.imported_data import ImportedData
from deep_storm.training.loop import Trained, train_network
from deep_storm.training.record import maps_record, software, training_record
from deep_storm.training.schedule import ResolvedTraining, settings_for
from deep_storm.training.steps import mirrored

if TYPE_CHECKING:
    import keras
    import pandas as pd

Result = TypeVar("Result")


@dataclass(frozen=True)
class Molecules:
    """What the model is trained for: camera (with maps if sCMOS), PSF, emitters, background.

    ``table``: the PSF as it is, where more is known of it than the Gaussian of ``psf``.
    ``shape_known``: whether the PSF is known to be what ``table`` or ``psf`` says.
    """

    camera: Camera
    psf: Psf
    emitters: Emitters
    background: Background
    maps: CameraMaps | None = None
    table: PsfTable | None = None
    shape_known: bool = True

    def as_seen(self) -> Molecules:
        """Return the same with the photons that emitters are seen with, which a network is told."""
        return replace(self, emitters=as_seen(self.emitters))

    @property
    def depth_reach_nm(self) -> float | None:
        """How far from the focus a network can look for them; None where the PSF tells no depth."""
        if self.table is None:
            return None
        return reach_of(self.table, self.psf.depth_reach_nm, self.psf.depth_std_nm)

    def scales(self, depth_reach_nm: float | None = None) -> Scales:
        """Return the scales of a network for these molecules.

        Parameters
        ----------
        depth_reach_nm
            Of a network that states depth.
        """
        code: tuple[float, ...] = ()
        if self.shape_known:
            depth_nm = self.psf.spread_in_depth_nm
            code = GAUSSIAN if self.table is None else psf_code(self.table, depth_nm)
        scales = Scales.matching(self.camera, self.psf, self.emitters, self.background, code)
        return scales.model_copy(update={"depth_reach_nm": depth_reach_nm})


@dataclass(frozen=True)
class Imported:
    """An imported simulation: frames and their emitters."""

    stream: FrameStream
    truth: pd.DataFrame


def train_model(
    molecules: Molecules,
    network: Network,
    training: Training,
    device: Device,
    imported: Imported | None = None,
    start: Model | None = None,
    progress: Progress = silent,
    keeper: Keeper | None = None,
) -> tuple[Model, Trained]:
    """Train a model, calibrate it and choose its threshold.

    Parameters
    ----------
    molecules
        Camera and matched simulation; with ``imported``, its statistics.
    network, training, device
        Settings.
    imported
        Train on this stack and truth instead of simulation made on the fly.
    start
        A model to start from; of the same network.
    progress
        See :func:`~deep_storm.training.loop.train_network`.
    keeper
        Writes checkpoints and goes on from one.

    Raises
    ------
    ModelError
        The model to start from has another network, or training diverged.
    Cancelled
        Ctrl-C was pressed, and a checkpoint is kept.
    """
    began = time.perf_counter()
    molecules = molecules.as_seen()
    if start is not None:
        _check_start(start, network)
    several = training.strategy == "mirrored"
    where = place(device)  # a strategy places its replicas itself
    with nullcontext() if several else where:
        from keras import utils

        utils.set_random_seed(training.seed)
        spec = make_network(network)
        scales = _scales(molecules, spec, start)
        trained_in = spec.training_dtype(learning_dtype(device))

        def run(settings: ResolvedTraining) -> Trained:
            data = make_data(molecules, scales, settings, imported)
            with mirrored(settings.batch).scope() if several else nullcontext():
                made = _begun(spec, trained_in, scales, start)
                return train_network(made, spec, data, settings, progress, began, keeper)

        settings, trained = within_memory(run, settings_for(spec, training))
        keras_model = spec.build(drawn=False)  # on a single device, in float32
        keras_model.set_weights(trained.best)
        card = ModelCard(
            network_version=NETWORK_VERSION,
            network=network,
            camera=molecules.camera,
            psf=molecules.psf,
            emitters=molecules.emitters,
            background=molecules.background,
            scales=scales,
            domain=None if start is None else start.card.domain,
            training=training_record(settings, trained, imported is not None, start)
            | {"precision": trained_in}
            | maps_record(molecules.maps),
            versions=software(),
        )
        made = Model(card, keras_model, trained.last, table=molecules.table)
        with _saying_what_is_kept(trained, keeper):
            return calibrate(made, training.seed, molecules.maps), trained


def _scales(molecules: Molecules, spec: LocalizationNetwork, start: Model | None) -> Scales:
    """Return the scales of the network's input and answer.

    Weights learnt in one scale mean nothing in another: a model that is started from keeps its own,
    except a general one and what came from it, which has learnt to be conditioned on others.
    """
    if start is not None and start.card.domain is None:
        return start.card.scales
    return molecules.scales(molecules.depth_reach_nm if spec.name == "native" else None)


def _begun(
    spec: LocalizationNetwork, dtype: str, scales: Scales, start: Model | None
) -> keras.Model:
    """Build a network to train: with new weights, or those of the model to start from."""
    made = spec.build(dtype)
    before = None
    if start is not None:
        made.set_weights(start.keras_model.get_weights())
        before = start.card.scales.depth_reach_nm
    if (before is None) != (scales.depth_reach_nm is None):
        spec.restate_shape(made, scales)
    return made


@contextmanager
def _saying_what_is_kept(trained: Trained, keeper: Keeper | None) -> Iterator[None]:
    """Say what there is to who presses Ctrl-C after the training.

    Raises
    ------
    Cancelled
        Ctrl-C was pressed, and the training is kept.
    """
    try:
        yield
    except KeyboardInterrupt:
        if keeper is None:
            raise
        raise Cancelled(
            f"the training of {trained.steps} steps is kept in {keeper.folder}; only the "
            "calibration is missing",
            advice="the same command with --resume completes it",
        ) from None


def within_memory(
    run: Callable[[ResolvedTraining], Result], settings: ResolvedTraining
) -> tuple[ResolvedTraining, Result]:
    """Run a training; if the device runs out of memory, again with half the batch.

    Returns
    -------
    The settings with the batch that fitted, and what the training gave.

    Raises
    ------
    MemoryError
        Not even a single patch fits.
    """
    from tensorflow.errors import OpError

    while True:
        try:
            return settings, run(settings)
        except OpError as error:
            if not is_out_of_memory(error):
                raise
            if settings.batch == 1:
                raise MemoryError(f"a patch of {settings.patch_size_px} px") from error
            half = settings.batch // 2
            warnings.warn(
                f"the device's memory is too small for batches of {settings.batch} patches; "
                f"training begins again with {half}",
                stacklevel=2,
            )
            settings = settings._replace(batch=half)


def _check_start(start: Model, network: Network) -> None:
    own = start.card.network
    # The native network knows nothing of the image's upsampling.
    if own.network == network.network and (
        own.network == "native" or own.upsampling == network.upsampling
    ):
        return
    raise ModelError(
        f"the model to start from is a {own.network} network with upsampling {own.upsampling}",
        f"a {network.network} network with upsampling {network.upsampling}",
        "give --network and --upsampling of that model, or --from none",
    )


def make_data(
    molecules: Molecules,
    scales: Scales,
    settings: ResolvedTraining,
    imported: Imported | None = None,
) -> TrainingData:
    """Return the source of training batches."""
    if imported is not None:
        return ImportedData(
            imported.stream, imported.truth, molecules.camera, scales, settings, molecules.table
        )
    return SimulatedData(
        molecules.camera,
        molecules.psf,
        molecules.emitters,
        molecules.background,
        scales,
        settings,
        molecules.maps,
        molecules.table,
    )
