"""What a verb reads it never replaces, whatever the verb, and whatever it is asked through."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args, get_origin

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import OutputError
from deep_storm.interface.registry import NAMES, load
from deep_storm.interface.verb import call
from deep_storm.io.marks import OURS
from deep_storm.io.outputs import Outputs
from deep_storm.settings import PsfCalibration

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
SETTINGS = {
    "Camera": CAMERA,
    "Psf": ds.Psf(sigma_nm=130),
    "Emitters": ds.Emitters(density_per_um2=1, intensity_photon=1000),
    "Background": ds.Background(background_photon=10),
    "PsfCalibration": PsfCalibration(z_step_nm=20),
}
"""Of the classes that have no defaults."""
NEEDED = {"reconstruct": ("stack",), "evaluate": ("results",)}
"""Arguments one of which has to be there, though none is required."""
RAW = (
    "[camera]\npixel_size_nm = 100.0\nbaseline_adu = 100.0\nphotons_per_adu = 0.5\n"
    "quantum_efficiency = 1.0\n"
)
"""In every input: a settings file is read before the verb is called."""


NEVER_REPLACES = {("fiji", "output")}
"""An output that may not be replaced, and has a test of its own below."""


class Planned(Exception):
    """A verb has said what it is going to write."""


def writing_arguments():
    verbs = map(load, NAMES)
    return [
        (verb.name, a.name)
        for verb in verbs
        for a in verb.arguments
        if a.writes and (verb.name, a.name) not in NEVER_REPLACES
    ]


def reading_arguments(verb):
    """Return the arguments that may be files, and the two files that settings may come from."""
    found = [a for a in verb.arguments if not a.writes and Path in (a.kind, *get_args(a.kind))]
    names = {a.name: a.kind for a in found}
    names |= {name: Path for name, cls in verb.settings.items() if cls is ds.Camera}
    return names | ({"config": Path} if verb.settings else {})


def as_kind(kind, path):
    if get_origin(kind) is tuple:
        return tuple(path for _ in get_args(kind))
    return [path] if get_origin(kind) is list else path


def minimal(verb, reads, elsewhere):
    """Return what a verb needs besides, as files that are not there and settings."""
    values = {"overwrite": True}
    for argument in verb.arguments:
        default = verb.parameters[argument.name].default
        needed = default is verb.parameters[argument.name].empty
        needed |= argument.name in NEEDED.get(verb.name, ()) and reads != "watch"
        if needed and not argument.writes:
            values[argument.name] = as_kind(argument.kind, elsewhere)
    for name, cls in verb.settings.items():
        if cls.__name__ in SETTINGS and name != reads:
            values[name] = SETTINGS[cls.__name__]
    return values


def planned(monkeypatch, verb, writes, output, elsewhere):
    """Return what a verb is going to write; it must say so before it reads anything."""

    def stop(outputs):
        if outputs:
            raise Planned(outputs)

    values = minimal(verb, "", elsewhere) | {writes: output}
    with monkeypatch.context() as patched:
        patched.setattr(Outputs, "check", stop)
        with pytest.raises(Planned) as told:
            call(verb, **values)
    return told.value.args[0]


def test_an_update_site_takes_no_folder_of_somebody_else(tmp_path):
    (tmp_path / "movie.tif").write_text(RAW)
    with pytest.raises(OutputError, match="has files and no"):
        ds.fiji("update-site", output=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["movie.tif"]
    assert (tmp_path / "movie.tif").read_text() == RAW
    assert all("overwrite" not in load(name).parameters for name, _ in NEVER_REPLACES)


@pytest.mark.parametrize(("name", "writes"), writing_arguments())
def test_no_verb_replaces_what_it_reads(name, writes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    verb, output = load(name), str(tmp_path / "new" / "out")
    outputs = planned(monkeypatch, verb, writes, output, tmp_path / "absent.tif")
    tried = 0
    for what, path in outputs.files.items():
        source = path
        if what in outputs.folders:
            path.mkdir(parents=True)
            (path / outputs.folders[what]).write_text(RAW)
            source = path / "movie.toml"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(RAW)
        for reads, kind in reading_arguments(verb).items():
            values = minimal(verb, reads, tmp_path / "absent.tif")
            values |= {reads: as_kind(kind, source), writes: output}
            with pytest.raises(OutputError) as told:
                call(verb, **values)
            assert "of its own" in str(told.value) or "does not replace" in str(told.value)
            assert path.name in told.value.received
            assert source.read_text() == RAW
            tried += 1
        source.unlink()
    assert tried >= len(outputs.files) * len(reading_arguments(verb))


@pytest.fixture
def movie(tmp_path):
    from deep_storm.io.images import write_stack

    path = tmp_path / "movie.tif"
    write_stack(path, np.random.default_rng(1).integers(90, 110, (4, 16, 16), np.uint16), 100.0)
    return path


def others_of(movie, folder):
    """Give other names of a file: links, a relative path, its folder."""
    (folder / "link.tif").symlink_to(movie)
    os.link(movie, folder / "hard.tif")
    relative = os.path.relpath(movie)
    return [folder / "link", str(folder / "hard.tif"), relative, f"{movie.parent}/", movie.parent]


def test_the_movie_under_another_name(movie, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    raw = movie.read_bytes()
    for name in others_of(movie, movie.parent):
        with pytest.raises(OutputError, match="is the stack") as told:
            ds.reconstruct(movie, model="general", output=name, overwrite=True)
        assert "_reconstructed" in told.value.advice
    assert movie.read_bytes() == raw


def test_a_movie_that_is_a_link(movie):
    link = movie.with_name("link.tif")
    link.symlink_to(movie)
    with pytest.raises(OutputError, match="is the stack"):
        ds.reconstruct(link, model="general", output=movie, overwrite=True)


def test_a_file_system_that_ignores_case(movie, monkeypatch):
    plain = os.stat

    def ignoring_case(path, **more):
        name = os.fspath(path)
        return plain(str(name).replace("MOVIE.tif", "movie.tif"), **more)

    monkeypatch.setattr(os, "stat", ignoring_case)
    with pytest.raises(OutputError, match="is the stack"):
        ds.reconstruct(movie, model="general", output=movie.with_name("MOVIE"), overwrite=True)


def test_a_request_of_fiji(movie, tmp_path):
    from deep_storm.fiji.worker.requests import call_verb

    raw = movie.read_bytes()
    options = {"model": "general", "output": str(movie.with_suffix("")), "overwrite": True}
    request = {
        "verb": "reconstruct", "options": {**options, "stack": str(movie)}, "tables": {},
        "frames_as": "stack", "frames": None, "folder": str(tmp_path), "tensorflow": False,
    }  # fmt: skip

    class Task:
        block = np.zeros(4 * 16 * 16 * 2, np.uint8)

        def progress(self, done, total, message):
            pass

        def fetch(self, start, stop):
            pass

    frames = {
        "shape": (4, 16, 16), "dtype": "<u2", "pixel_size_nm": 100.0, "name": "movie.tif",
        "file": str(movie), "corner_px": (0, 0), "frames_in_block": 4,
    }  # fmt: skip
    opened = {**request, "options": options, "frames": frames}
    for asked in (request, opened):
        with pytest.raises(OutputError, match="is the stack"):
            call_verb(asked, Task(), ds.read_table)
    assert movie.read_bytes() == raw


def test_a_movie_that_is_still_to_come(tmp_path):
    settings = {"camera": CAMERA, "psf": SETTINGS["Psf"], "emitters": SETTINGS["Emitters"]}
    settings |= {"background": SETTINGS["Background"], "overwrite": True, "model": "general"}
    movie, folder = tmp_path / "movie.tif", tmp_path / "night"
    with pytest.raises(OutputError, match="is the watch itself"):
        ds.reconstruct(watch=movie, output=tmp_path / "movie", **settings)
    for there in (False, True):
        if there:
            folder.mkdir()
        with pytest.raises(OutputError, match="lies in the watched folder"):
            ds.reconstruct(watch=folder, output=folder / "sum", **settings)


def write_set(names):
    """Write an OME-TIFF whose frames lie in two files."""
    import tifffile

    sizes = 'SizeX="16" SizeY="16" SizeZ="1" SizeC="1" SizeT="4"'
    planes = "".join(
        f'<TiffData FirstT="{t}" FirstC="0" FirstZ="0" IFD="{t % 2}" PlaneCount="1">'
        f'<UUID FileName="{names[t // 2].name}">urn:uuid:{t // 2}</UUID></TiffData>'
        for t in range(4)
    )
    for number, name in enumerate(names):
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{number}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            f'DimensionOrder="XYZCT" Type="uint16" {sizes}><Channel ID="Channel:0:0" '
            f'SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        frames = np.random.default_rng(number).integers(90, 110, (2, 16, 16), np.uint16)
        about = {"description": text, "metadata": None, "software": OURS}
        tifffile.imwrite(name, frames, photometric="minisblack", **about)


def test_the_other_files_of_a_set(tmp_path):
    names = [tmp_path / "set.ome.tif", tmp_path / "set_2.tif"]
    write_set(names)
    raw = names[1].read_bytes()
    with pytest.raises(OutputError, match="is the stack"):
        ds.reconstruct(names[0], model="general", output=names[1], overwrite=True)
    assert names[1].read_bytes() == raw


def test_stacks_with_the_same_name_but_for_case(tmp_path):
    from deep_storm.runs.sweep import names_of

    stacks = [tmp_path / "one" / "Movie.tif", tmp_path / "two" / "movie.tif"]
    assert [path.name for path in names_of(stacks, tmp_path)] == ["one_Movie", "two_movie"]


@pytest.mark.parametrize("name", ["movie", "movie.tif", "movie.csv"])
def test_the_image_does_not_replace_the_movie(movie, name):
    raw = movie.read_bytes()
    with pytest.raises(OutputError, match="is the stack itself"):
        ds.reconstruct(movie, model="general", output=movie.with_name(name), overwrite=True)
    assert movie.read_bytes() == raw


def test_the_command_line_says_what_to_do(movie, capsys):
    raw = movie.read_bytes()
    command = ["reconstruct", str(movie), "--model", "general", "-o", str(movie), "--overwrite"]
    assert main(command) == 2
    assert "--overwrite does not replace an input" in capsys.readouterr().err
    assert movie.read_bytes() == raw


def test_a_sweep_into_its_own_folder_is_refused_before_it_begins(movie, monkeypatch):
    raw = movie.read_bytes()
    other = movie.with_name("other.tif")
    other.write_bytes(raw)
    with pytest.raises(OutputError, match="is the stack itself"):
        ds.reconstruct([movie, other], model="general", output=movie.parent, overwrite=True)
    assert movie.read_bytes() == other.read_bytes() == raw


def test_render_leaves_the_movie_beside_the_table_alone(movie, table):
    raw = movie.read_bytes()
    done = ds.render(table, pixel_size_nm=20, sigma_nm=20, overwrite=True)
    assert done.written == (movie.with_name("movie_rendered.tif"),)
    assert movie.read_bytes() == raw


def test_a_settings_file_is_an_input(tmp_path, table):
    config = tmp_path / "drawn.toml"
    config.write_text("[rendering]\npixel_size_nm = 20\n")
    with pytest.raises(OutputError, match="is the settings file itself"):
        ds.render(table, config=config, output=config, overwrite=True)


def test_what_a_record_names_is_an_input(movie, table, tmp_path):
    record = tmp_path / "movie-run.toml"
    record.write_text('[inputs]\nstack = "movie.tif"\n[rendering]\npixel_size_nm = 20\n')
    with pytest.raises(OutputError, match=r"stack of the record movie-run\.toml"):
        ds.render(table, config=record, output=movie, overwrite=True)


def test_the_protocol_of_a_table_is_an_input(table):
    protocol = table.with_name("movie-protocol.txt")
    protocol.write_text("{}")
    with pytest.raises(OutputError, match="is the protocol itself"):
        ds.render(table, output=protocol, overwrite=True)


@pytest.mark.parametrize("ending", [".hdf5", "_sml.mat", ".csv"])
@pytest.mark.parametrize("beside", ["-protocol.txt", "-run.toml"])
def test_what_lies_beside_a_table_is_an_input(tmp_path, table, ending, beside):
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
    source = tmp_path / f"kept{ending}"
    done = ds.filter(table, "x > 0", output=source, camera=camera)
    stem = ending.removesuffix(".mat").removesuffix(".hdf5").removesuffix(".csv")
    noted = tmp_path / f"kept{stem}{beside}"
    assert noted in done.written
    before = noted.read_bytes()
    with pytest.raises(OutputError, match=r"is the (protocol|run record) "):
        ds.filter(source, "x > 0", output=tmp_path / f"kept{stem}.dat", overwrite=True)
    with pytest.raises(OutputError, match=r"is the (protocol|run record) itself"):
        ds.render(source, output=noted, overwrite=True)
    assert noted.read_bytes() == before


def test_the_notes_of_a_picasso_table_are_an_input(tmp_path, table):
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
    source, notes = tmp_path / "kept.hdf5", tmp_path / "kept.yaml"
    ds.write_table(source, ds.read_table(table), camera=camera)
    before = notes.read_bytes()
    with pytest.raises(OutputError, match=r"is the file with the notes of kept\.hdf5, itself"):
        ds.filter(source, "x > 0", output=notes, overwrite=True)
    assert notes.read_bytes() == before


def test_a_model_does_not_replace_the_mask_it_is_simulated_from(tmp_path):
    mask = tmp_path / "mask.tif"
    mask.write_bytes(b"mask")
    with pytest.raises(OutputError, match="is the structure itself"):
        ds.simulate(
            output=tmp_path / "mask",
            camera=ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
            sigma_nm=130, density_per_um2=1, intensity_photon=1000, background_photon=10,
            structure=str(mask), overwrite=True,
        )  # fmt: skip
    assert mask.read_bytes() == b"mask"


def test_arrays_have_no_file(tmp_path, table):
    rows = ds.read_table(table)
    assert ds.render(rows, output=tmp_path / "a.tif", pixel_size_nm=20, sigma_nm=20).written
    assert ds.render(
        rows, output=tmp_path / "a.tif", pixel_size_nm=20, sigma_nm=20, overwrite=True
    ).written


def test_a_mapped_array_has_one(movie):
    from tifffile import memmap

    frames = memmap(movie, mode="r")
    with pytest.raises(OutputError, match="the stack"):
        ds.reconstruct(frames, model="general", output=movie, overwrite=True)
