from pathlib import Path

import pytest

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, SettingsError
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.settings import Device, Evaluation, Filtering, Psf, Simulation

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


@verb(
    "look",
    Argument("stack", "a stack"),
    psf=Psf,
    simulation=Simulation,
    camera=Camera,
    device=Device,
)
def look(
    stack,
    *,
    psf: Psf,
    simulation: Simulation = Simulation(frames=20),
    camera: Camera | None = None,
    device: Device = Device(),
):
    """Give the settings back."""
    return stack, psf, simulation, camera, device


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "matched.toml"
    path.write_text("[psf]\nsigma_nm = 120\n[simulation]\nframes = 30\n[rendering]\nmethod = 'x'\n")
    return path


@pytest.fixture
def camera_file(tmp_path: Path) -> Path:
    path = tmp_path / "camera.toml"
    path.write_text("[camera]\npixel_size_nm = 100\nbaseline_adu = 100\nphotons_per_adu = 0.5\n")
    return path


def test_takes_settings_whole():
    _, psf, *_ = look("a.tif", psf=Psf(sigma_nm=130))
    assert psf == Psf(sigma_nm=130)


def test_takes_settings_one_by_one():
    stack, psf, simulation, camera, _ = look("a.tif", sigma_nm=130, width_px=32)
    assert (stack, psf) == ("a.tif", Psf(sigma_nm=130))
    assert simulation == Simulation(frames=20, width_px=32)
    assert camera is None


def test_a_mapping_stands_for_settings():
    assert look("a.tif", psf={"sigma_nm": 130})[1] == Psf(sigma_nm=130)


def test_a_name_of_both_a_class_and_a_setting_is_told_by_its_value():
    assert look("a.tif", sigma_nm=130, device="cpu")[4] == Device(device="cpu")
    assert look("a.tif", sigma_nm=130, device=Device(device="gpu:0"))[4].device == "gpu:0"


def test_option_wins_over_file_wins_over_object_wins_over_default(config):
    def frames(**options) -> int:
        return look("a.tif", sigma_nm=100, **options)[2].frames

    whole = Simulation(frames=25)
    assert frames() == 20
    assert frames(simulation=whole) == 25
    assert frames(simulation=whole, config=config) == 30
    assert frames(simulation=whole, config=config, frames=35) == 35


def test_none_stands_for_not_given(config):
    assert look("a.tif", config=config, sigma_nm=None, camera=None)[1].sigma_nm == 120


def test_sections_of_other_verbs_are_no_mistake(config):
    assert look("a.tif", config=config)[1].sigma_nm == 120


def test_takes_the_camera_by_its_file(camera_file):
    assert look("a.tif", sigma_nm=130, camera=str(camera_file))[3] == CAMERA


def test_an_option_changes_one_value_of_the_camera(camera_file):
    camera = look("a.tif", sigma_nm=130, camera=camera_file, em_gain=200)[3]
    assert camera == CAMERA.model_copy(update={"em_gain": 200.0})


@pytest.mark.parametrize("line", ["baseline_adu = 200", "em_gain = 100"])
def test_cameras_that_contradict_each_other_are_both_shown(tmp_path, camera_file, line):
    config = tmp_path / "matched.toml"
    config.write_text(f"[psf]\nsigma_nm = 120\n[camera]\n{line}\n")
    with pytest.raises(CameraError, match=rf"matched.toml says {line}.*camera.toml says"):
        look("a.tif", camera=camera_file, config=config)


def test_the_same_camera_twice_is_no_mistake(camera_file):
    assert look("a.tif", sigma_nm=130, camera=camera_file, config=camera_file)[3] == CAMERA


def test_a_misspelt_keyword_says_what_was_meant():
    with pytest.raises(SettingsError, match=r"no option 'sigma'.*did you mean 'sigma_nm'"):
        look("a.tif", sigma=130)


def test_a_misspelt_setting_in_a_file_says_what_was_meant(tmp_path):
    config = tmp_path / "matched.toml"
    config.write_text("[psf]\nsigmanm = 120\n")
    with pytest.raises(SettingsError, match=r"'sigmanm' in .*toml.*did you mean 'sigma_nm'"):
        look("a.tif", config=config)


def test_a_wrong_value_names_the_file_it_stands_in(tmp_path):
    config = tmp_path / "matched.toml"
    config.write_text("[psf]\nsigma_nm = 3\n")
    with pytest.raises(SettingsError, match=r"sigma_nm is 3 in .*matched.toml"):
        look("a.tif", config=config)
    with pytest.raises(SettingsError, match="sigma_nm is 4;"):
        look("a.tif", config=config, sigma_nm=4)


def test_a_missing_setting_says_where_to_put_it():
    with pytest.raises(SettingsError, match=r"sigma_nm is missing.*give sigma_nm.*\[psf\]"):
        look("a.tif")


def test_settings_of_another_kind_are_refused():
    with pytest.raises(SettingsError, match="Evaluation settings were given as psf"):
        look("a.tif", psf=Evaluation())


@pytest.mark.parametrize("value", [3, 1.5])
def test_a_camera_that_is_none_is_refused(value):
    with pytest.raises(SettingsError, match="a Camera or the name of a camera file"):
        look("a.tif", sigma_nm=130, camera=value)


@verb("count", Argument("dask", "workers", str, formerly="cluster"), filtering=Filtering)
def count(*, dask=None, filtering: Filtering = Filtering()):
    """Give back what was given."""
    return dask, filtering


def test_names_of_the_version_before_are_taken(tmp_path: Path):
    settings = tmp_path / "old.toml"
    settings.write_text("[filtering]\nleast_neighbours = 4  # formerly\n")
    old = {"least_neighbours": 3}  # formerly
    assert count(**old)[1] == Filtering(min_neighbours=3)
    assert count(config=settings)[1].min_neighbours == 4
    assert count(config=settings, min_neighbours=5)[1].min_neighbours == 5
    assert count(filtering=old)[1] == Filtering(**old) == Filtering(min_neighbours=3)
    assert count(cluster="local:2")[0] == "local:2"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"least_neighbours": 3, "min_neighbours": 3}, "least_neighbours and min_n"),  # formerly
        ({"cluster": "local:2", "dask": "local:2"}, "cluster and dask"),
    ],
)
def test_both_names_at_once_are_an_error(given, names):
    with pytest.raises(SettingsError, match=f"both {names}"):
        count(**given)
