"""Settings of networks and their training, and where they run."""

from __future__ import annotations

from typing import Literal

from deep_storm.settings.base import Settings, setting


class Network(Settings):
    """Which network, and how fine its image is."""

    network: Literal["native", "classic"] = setting(
        "native",
        "native (U-Net on the camera grid) or classic (the published Deep-STORM network)",
    )
    upsampling: int = setting(
        8,
        "super-resolution pixels along one camera pixel; native takes any whole number, "
        "classic is trained for it",
        ge=1,
        le=64,
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
        0.0, "share of cameras whose pixels differ without anyone's knowledge", ge=0, le=1
    )


class Training(Settings):
    """How a network is trained."""

    minutes: float = setting(
        10.0,
        "time budget; the schedule is laid out to end within it",
        unit="minutes",
        gt=0,
        le=100_000,
    )
    steps: int | None = setting(
        None,
        "exact number of training steps, instead of what fits into the minutes (to repeat a run)",
        ge=1,
        le=10_000_000,
    )
    epochs: int = setting(100, "most passes over the patches", unit="epochs", ge=1, le=100_000)
    batch: int | None = setting(
        None,
        "patches per training step; default: 32 (native), 4 (classic)",
        unit="patches",
        ge=1,
        le=4096,
    )
    patch_size_px: int | None = setting(
        None,
        "edge of a training patch, a multiple of 8; default: 32 (native), 24 (classic)",
        unit="px",
        ge=16,
        le=512,
        multiple_of=8,
    )
    patches_per_frame: int = setting(
        8, "random patches from each frame of an imported simulation", ge=1, le=10_000
    )
    max_patches: int = setting(
        10_000,
        "patches in one epoch, at most",
        unit="patches",
        formerly="most_patches",
        ge=1,
        le=10_000_000,
    )
    validation_share: float = setting(
        0.2, "share of an imported simulation's frames kept for validation", ge=0.02, le=0.9
    )
    learning_rate: float | None = setting(
        None, "peak learning rate; default: what suits the network", gt=0, le=1
    )
    schedule: Literal["cosine", "constant", "plateau"] = setting(
        "cosine",
        "learning rate: cosine to zero, constant, or halved when validation stops improving",
    )
    patience_epochs: int = setting(
        15,
        "stop after this many epochs without a better validation loss",
        unit="epochs",
        ge=1,
        le=100_000,
    )
    seed: int = setting(1, "same seed, same training data and weights", ge=0, le=2**31 - 1)
    strategy: Literal["single", "mirrored"] = setting(
        "single", "single device, or mirrored: every GPU takes its share of each batch"
    )
    checkpoint_seconds: float = setting(
        60.0, "time between two checkpoints for --resume", unit="s", ge=0, le=1e6
    )


class Device(Settings):
    """Where TensorFlow computes."""

    device: str = setting(
        "auto",
        "auto, cpu or gpu:N (as doctor lists them)",
        pattern=r"^(auto|cpu|gpu(:\d+)?)$",
        example="gpu:0",
        form="auto, cpu or gpu:N",
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", "auto takes bfloat16 where a probe shows that the processor has it"
    )
