"""Which commands there are, and how each differs from what its verb's declaration gives.

A verb becomes a command by an entry in :data:`ENTRIES`. A verb without an entry has no menu item
and stands in :data:`~deep_storm.fiji.menu.entry.NOT_IN_MENU`.
"""

from __future__ import annotations

from deep_storm.camera import Camera
from deep_storm.fiji.menu.declared import from_setting
from deep_storm.fiji.menu.entry import MATCHED_TO, Entry
from deep_storm.fiji.menu.parameters import AUTO, CURRENT, NONE, Parameter
from deep_storm.settings import Background, Emitters, Psf, Settings, Watching


def _matched(*choices: str) -> Parameter:
    return Parameter(
        "matched_to",
        "String",
        "Simulation matched to",
        "Where PSF, emitters and background are taken from",
        choices[0],
        choices=choices,
    )


_REAL_LIGHT = frozenset(
    {
        "psf_file",
        "depth_std_nm",
        "depth_reach_nm",
        "on_time_frames",
        "seen_frames",
        "beyond_border",
        "filament_um_per_um2",
        "unevenness",
        "unevenness_scale_um",
        "haze_per_um2",
    }
)
"""Measured in the movie and read from a settings file; a dialog has no room for them."""
_MOLECULES = frozenset(name for cls in (Psf, Emitters, Background) for name in cls.model_fields)
"""A trained model knows them; for the general one they can stand in a settings file."""


def _expected(cls: type[Settings], name: str) -> Parameter:
    """Make the parameter of what the general model is given, which is found in the movie."""
    made = from_setting(cls, name)
    about = f"for the general model: {made.description}; auto = estimated from the movie"
    return Parameter(name, "String", made.label, about, AUTO, remember=False)


_EXPECTED = (
    _expected(Psf, "sigma_nm"),
    _expected(Emitters, "density_per_um2"),
    _expected(Emitters, "intensity_photon"),
    _expected(Background, "background_photon"),
)
"""What the verdict on a reconstruction tells to give."""

ENTRIES: dict[str, Entry] = {
    "super-resolve": Entry(
        "Super-Resolve This Stack...",
        "super_resolve:super_resolve",
        image=True,
        description="look at the movie in front, say what was found, preview and reconstruct it",
    ),
    "camera-setup": Entry(
        "1 Set Up/Camera Setup...",
        "setup:set_up_camera",
        extra=(
            Parameter(
                "source",
                "String",
                "Take values from",
                "This dialog, the camera saved under the name below, ThunderSTORM's Camera setup, "
                "or the protocol of a results table",
                "this dialog",
                choices=("this dialog", "saved camera", "ThunderSTORM", "protocol"),
                remember=False,
            ),
            Parameter(
                "protocol",
                "File",
                "Protocol",
                "Protocol (NAME-protocol.txt) beside a table from ThunderSTORM; none = not used",
                NONE,
                style="open",
                remember=False,
            ),
            *(from_setting(Camera, name, value=v) for name, v in
              (("pixel_size_nm", 100.0), ("baseline_adu", 100.0), ("photons_per_adu", 1.0))),
            Parameter(
                "em_gain",
                "Double",
                "EM gain (1 = no EM gain)",
                "Electron-multiplying gain; 1 = a camera without it, or with it turned off",
                1.0,
                1.0,
                100_000.0,
            ),
            *(from_setting(Camera, name) for name in
              ("read_noise_adu", "quantum_efficiency", "response_std")),
            Parameter(
                "name",
                "String",
                "Save under the name",
                "Keep this camera under a name too: any field 'Camera' takes it, and so does "
                "'Take values from'; none = no name",
                NONE,
                remember=False,
            ),
            Parameter(
                "output",
                "File",
                "Camera file",
                "Camera file (TOML) to write in addition to Fiji's preferences; none = no file",
                NONE,
                style="save",
                remember=False,
            ),
        ),
        shown=(
            "source", "pixel_size_nm", "baseline_adu", "photons_per_adu", "em_gain",
            "read_noise_adu", "quantum_efficiency", "name",
        ),
        description="enter the camera once, for all commands",
    ),
    "measure-background": Entry(
        "2 Measure/Measure Background...",
        "background:measure",
        image=True,
        extra=(
            Parameter(
                "use_for_camera",
                "Boolean",
                "Use for the camera",
                "Use baseline and read noise for the camera, and photons per ADU where it has none",
                False,
                remember=False,
            ),
            Parameter(
                "use_gain",
                "Boolean",
                "Use the gain for the camera",
                "Replace the camera's photons per ADU by those that the noise suggests",
                False,
                remember=False,
            ),
        ),
        hide=frozenset({"camera", "roi"}),
        shown=("stack", "use_for_camera", "use_gain", "output"),
    ),
    "measure-psf": Entry(
        "2 Measure/Measure PSF...",
        image=True,
        hide=frozenset({"localizations"}),
        shown=("stack", "beads", "psf_file", "camera", "frames", "output"),
    ),
    "calibrate-psf": Entry(
        "2 Measure/Calibrate PSF...",
        image=True,
        shown=("stack", "z_step_nm", "camera", "frames", "output"),
    ),
    "import-localizations": Entry(
        "5 Post-Process/Import Localizations...",
        "importing:import_localizations",
        image=True,
        extra=(
            Parameter(
                "table",
                "File",
                "Table",
                "Localization table (CSV; or of Picasso, SMAP, DECODE and others)",
                NONE,
                style="open",
                needed=True,
            ),
            Parameter(
                "camera",
                "File",
                "Camera",
                "Camera file, only for tables in px or ADU; current = as entered in Camera Setup",
                CURRENT,
                style="open",
                remember=False,
            ),
            Parameter(
                "overlay",
                "Boolean",
                "Draw over the image",
                "Draw the localizations over the active image, if there is one",
                False,
            ),
        ),
        description="open a localization table in a Results window",
    ),
    "import-simulation": Entry(
        "3 Train/Import ThunderSTORM Simulation...",
        "importing:import_simulation",
        image=True,
        shown=("stack", "truth", "camera", "output"),
    ),
    "estimate": Entry(
        "2 Measure/Estimate From Localizations...",
        image=True,
        shown=("stack", "localizations", "camera", "output"),
    ),
    "simulate": Entry(
        "3 Train/Simulate Training Data...",
        hide=_REAL_LIGHT,
        extra=(_matched(*MATCHED_TO[:2]),),
        shown=(
            "matched_to", "sigma_nm", "density_per_um2", "intensity_photon", "background_photon",
            "frames", "config", "output",
        ),
    ),
    "train": Entry(
        "3 Train/Train Model...",
        "training:train",
        tensorflow=True,
        hide=_REAL_LIGHT,
        extra=(_matched(*MATCHED_TO),),
        needs=frozenset({"output"}),
        shown=(
            "matched_to", "config", "sigma_nm", "density_per_um2", "intensity_photon",
            "background_photon", "minutes", "output",
        ),
    ),
    "preview": Entry(
        "4 Reconstruct/Preview Current Frame...",
        "preview:preview",
        image=True,
        tensorflow=True,
        camera=AUTO,
        hide=frozenset({"frame"}) | _MOLECULES,
        extra=(
            Parameter(
                "frame",
                "String",
                "Frame",
                "Number of the frame, counted from 1; current = the one shown",
                CURRENT,
                remember=False,
            ),
            *_EXPECTED,
        ),
        shown=("model", "camera", "threshold", "refine"),
    ),
    "reconstruct": Entry(
        "4 Reconstruct/Reconstruct Stack...",
        "reconstruction:reconstruct",
        image=True,
        camera=AUTO,
        tensorflow=True,
        hide=_MOLECULES | {"watch", "dask", *Watching.model_fields},
        extra=_EXPECTED,
        shown=("stack", "model", "camera", "threshold", "refine", "frames", "output"),
    ),
    "send-to-thunderstorm": Entry(
        "5 Post-Process/Send To ThunderSTORM",
        "thunderstorm:send",
        extra=(
            Parameter(
                "table",
                "File",
                "Table",
                "Table (CSV) to send; current = the active one, or else the last one written",
                CURRENT,
                style="open",
                remember=False,
            ),
            Parameter(
                "dialect",
                "String",
                "ThunderSTORM version",
                "dev (2016), or v1.3 with fewer columns",
                "dev",
                choices=("dev", "v1.3"),
            ),
        ),
        description="send a table to ThunderSTORM",
    ),
    "filter": Entry(
        "5 Post-Process/Filter Localizations...",
        camera=NONE,
        shown=(
            "table", "formula", "confidence", "uncertainty_nm", "intensity_photon", "sigma_nm",
            "frames", "output",
        ),
    ),
    "correct-drift": Entry(
        "5 Post-Process/Correct Drift...",
        camera=NONE,
        shown=("table", "method", "bins", "drift_file", "output"),
    ),
    "merge": Entry(
        "5 Post-Process/Merge Localizations...",
        camera=NONE,
        shown=("table", "distance_nm", "gap_frames", "output"),
    ),
    "remove-duplicates": Entry(
        "5 Post-Process/Remove Duplicate Localizations...",
        camera=NONE,
        shown=("table", "distance", "output"),
    ),
    "cluster": Entry(
        "5 Post-Process/Cluster Localizations...",
        camera=NONE,
        shown=("table", "method", "distance_nm", "min_count", "output"),
    ),
    "render": Entry(
        "5 Post-Process/Render Localizations...",
        camera=NONE,
        shown=(
            "table", "method", "pixel_size_nm", "sigma_nm", "colour", "view", "slice_nm", "output",
        ),
    ),
    "evaluate": Entry(
        "6 Check/Evaluate Against Truth...",
        camera=NONE,
        shown=(
            "results", "truth", "tolerance_nm", "reconstruction", "true_image", "wide_field",
            "output",
        ),
    ),
    "doctor": Entry("6 Check/Check Installation...", "check:check_installation", tensorflow=True),
}  # fmt: skip
"""Commands in the order of the work."""
