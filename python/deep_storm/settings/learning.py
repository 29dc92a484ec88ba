"""Settings of networks, their training, and the device they run on."""

from __future__ import annotations

from typing import Literal

from deep_storm.settings.base import Settings, setting


class Network(Settings):
    """The network, and the upsampling of its image."""

    network: Literal["native", "classic"] = setting(
        "native",
        "native (U-Net on camera pixels) or classic (the published Deep-STORM network)",
        label="Network",
    )
    upsampling: int = setting(
        8,
        "super-resolution pixels per camera pixel, along each axis; native takes any number, "
        "classic must be trained for it",
        ge=1,
        le=64,
        label="Super-resolution pixels per pixel",
    )


class Domain(Settings):
    """Experiments that the general model is trained for; each range is drawn from log-uniformly."""

    sigma_px: tuple[float, float] = setting((0.9, 1.8), "PSF sigma", unit="px")
    sigma_spread: tuple[float, float] = setting((0.0, 0.1), "relative spread of the PSF sigma")
    intensity_photon: tuple[float, float] = setting((300.0, 5000.0), "photons", unit="photon")
    intensity_spread: tuple[float, float] = setting((0.03, 0.45), "relative spread of the photons")
    background_photon: tuple[float, float] = setting((2.0, 100.0), "background", unit="photon")
    density_per_um2: tuple[float, float] = setting(
        (0.2, 12.0), "density at pixels of 100 nm", unit="per µm²"
    )
    read_noise_photon: tuple[float, float] = setting((0.0, 3.0), "read-out noise", unit="photon")
    em_share: float = setting(0.35, "share of experiments with EM gain", ge=0, le=1)
    gaussian_share: float = setting(
        1.0,
        "share of experiments whose PSF is a Gaussian; the others have random pupils",
        ge=0,
        le=1,
    )
    depth_std_nm: tuple[float, float] = setting(
        (0.0, 0.0), "spread of the depth of emitters", unit="nm"
    )
    uneven_share: float = setting(0.0, "share of experiments with uneven background", ge=0, le=1)
    unevenness: tuple[float, float] = setting(
        (0.05, 0.7), "relative standard deviation of the background over the field"
    )
    hazy_share: float = setting(
        0.0, "share of experiments with emitters far out of focus", ge=0, le=1
    )
    haze_per_um2: tuple[float, float] = setting(
        (0.1, 1.5), "their density at pixels of 100 nm", unit="per µm²"
    )
    blinking_share: float = setting(
        0.0, "share of experiments with emitters that are on for parts of frames", ge=0, le=1
    )
    hidden_noise_share: float = setting(
        0.0, "share of cameras whose pixels differ without being known to", ge=0, le=1
    )


class Training(Settings):
    """How a network is trained."""

    minutes: float = setting(
        10.0,
        "time budget; the learning-rate schedule ends with it",
        unit="minutes",
        gt=0,
        le=100_000,
        label="Training time",
    )
    steps: int | None = setting(
        None,
        "exact number of training steps, to repeat a run; default: what fits into the time budget",
        ge=1,
        le=10_000_000,
        label="Training steps",
    )
    epochs: int = setting(
        100,
        "maximum number of passes over the patches",
        unit="epochs",
        ge=1,
        le=100_000,
        label="Epochs at most",
    )
    batch: int | None = setting(
        None,
        "patches per training step; default: 32 (native), 4 (classic)",
        unit="patches",
        ge=1,
        le=4096,
        label="Patches per step",
    )
    patch_size_px: int | None = setting(
        None,
        "size of a training patch, a multiple of 8; default: 32 (native), 24 (classic)",
        unit="px",
        ge=16,
        le=512,
        multiple_of=8,
        label="Size of a patch",
    )
    patches_per_frame: int = setting(
        8,
        "random patches per frame of an imported simulation",
        ge=1,
        le=10_000,
        label="Patches per frame",
    )
    max_patches: int = setting(
        10_000,
        "maximum number of patches in an epoch",
        unit="patches",
        formerly="most_patches",
        ge=1,
        le=10_000_000,
        label="Patches per epoch at most",
    )
    validation_share: float = setting(
        0.2,
        "fraction of the frames of an imported simulation used for validation",
        ge=0.02,
        le=0.9,
        label="Share for validation",
    )
    learning_rate: float | None = setting(
        None,
        "peak learning rate; default: depends on the network",
        gt=0,
        le=1,
        label="Learning rate",
    )
    schedule: Literal["cosine", "constant", "plateau"] = setting(
        "cosine",
        "learning rate over time: cosine (down to zero), constant, or plateau (halved when "
        "validation stops improving)",
        label="Learning rate over time",
    )
    patience_epochs: int = setting(
        15,
        "stop after this many epochs without a better validation loss",
        unit="epochs",
        ge=1,
        le=100_000,
        label="Patience",
    )
    seed: int = setting(
        1,
        "random seed: the same seed gives the same training data and initial weights",
        ge=0,
        le=2**31 - 1,
        label="Random seed",
    )
    strategy: Literal["single", "mirrored"] = setting(
        "single", "single: one device; mirrored: each batch is split between all GPUs", label="GPUs"
    )
    checkpoint_seconds: float = setting(
        60.0,
        "time between checkpoints, from which --resume continues",
        unit="s",
        ge=0,
        le=1e6,
        label="Time between checkpoints",
    )


class Device(Settings):
    """The processor or GPU that TensorFlow uses."""

    device: str = setting(
        "auto",
        "auto (a GPU if there is one), cpu or gpu:N (doctor lists them)",
        pattern=r"^(auto|cpu|gpu(:\d+)?)$",
        example="gpu:0",
        form="auto, cpu or gpu:N",
        label="Processor",
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto",
        "number format in the network; auto: bfloat16 where a quick test finds it faster and "
        "accurate",
        label="Number format",
    )
