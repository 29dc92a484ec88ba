import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.cli import app, main
from deep_storm.interface.declaration import Argument
from deep_storm.interface.registry import NAMES, load
from deep_storm.interface.verb import verb, verb_of

DATA = Path(__file__).resolve().parents[1] / "data"
SETTINGS = {
    "pixel-size-nm": "100",
    "baseline-adu": "100",
    "photons-per-adu": "0.5",
    "sigma-nm": "120",
    "density-per-um2": "1",
    "intensity-photon": "1500",
    "background-photon": "10",
}
SIMULATE = ["simulate", *(word for k, v in SETTINGS.items() for word in (f"--{k}", v))]


@pytest.fixture
def tables(tmp_path: Path) -> list[str]:
    truth = pd.DataFrame({"frame": [0, 1], "x_nm": [100.0, 900.0], "y_nm": [300.0, 300.0]})
    ds.write_table(tmp_path / "truth.csv", truth)
    ds.write_table(tmp_path / "found.csv", truth.assign(x_nm=truth["x_nm"] + 80))
    return [str(tmp_path / "found.csv"), str(tmp_path / "truth.csv")]


def run_process(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deep_storm", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in NAMES)])
def test_every_verb_explains_itself(arguments, capsys):
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("Usage: deep-storm")
    assert captured.err == ""


def test_help_lists_all_verbs_in_order(capsys):
    main([])
    text = capsys.readouterr().out
    places = [text.index(f"│ {name} ") for name in NAMES]
    assert places == sorted(places)


def test_help_gives_meaning_unit_range_and_default(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    main(["simulate", "--help"])
    text = capsys.readouterr().out
    assert "--output -o" in text
    assert "standard deviation of the PSF sigma between emitters [0 to 500 nm, default 10]" in text
    assert "[uniform | normal | gamma, default uniform]" in text


def test_help_names_the_sections_of_a_settings_file(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "300")
    main(["measure-background", "--help"])
    groups = re.findall(r"^╭─ (.+?) ─", capsys.readouterr().out, re.MULTILINE)
    assert groups == ["Arguments", "Options", "[measurement]", "[knowncamera]"]
    settings = tmp_path / "settings.toml"
    settings.write_text("".join(f"{name}\n" for name in groups[2:]))
    main(["measure-background", "none.tif", "--config", str(settings)])
    assert "there is no file none.tif" in capsys.readouterr().err  # no section is unknown


def test_help_tells_how_a_check_is_turned_off(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    main(["reconstruct", "--help"])
    text = capsys.readouterr().out
    assert "fit the stack [true | false, default true]" in text
    assert "births, splits and deaths: more accurate, takes longer " in text  # a flag has no value


@pytest.mark.parametrize("name", NAMES)
def test_help_states_no_default_that_is_nothing(capsys, name):
    main([name, "--help"])
    assert "[default ]" not in capsys.readouterr().out


def test_a_training_without_a_folder_for_its_model_does_not_begin(capsys):
    assert main(["train", "--minutes", "10"]) == 2
    assert "--output is missing" in capsys.readouterr().err


@pytest.mark.parametrize(("given", "told"), [({}, True), ({"output": "movie"}, False)])
def test_a_reconstruction_without_an_output_is_told_at_the_beginning(
    capsys, monkeypatch, given, told
):
    class BegunError(Exception):
        """The work has begun."""

    def begin(verb, **options):
        raise BegunError

    monkeypatch.setattr(app, "call", begin)
    with pytest.raises(BegunError):
        app.perform(load("reconstruct"), {"model": "general", **given})
    assert ("without -o nothing is written" in capsys.readouterr().err) == told


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == ds.__version__


def test_prints_the_summary(tables, capsys):
    assert main(["evaluate", *tables, "--tolerance-nm", "50", "100", "--frames", "1:2"]) == 0
    assert "Frames 1:2, 2 localizations, 2 emitters" in capsys.readouterr().out


@pytest.mark.parametrize("tolerances", [["50", "100"], ["50,100"], ["50,", "100"]])
def test_json_is_one_object_on_standard_output(tables, tolerances, capsys):
    assert main(["evaluate", *tables, "--json", "--tolerance-nm", *tolerances]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["verb"] == "evaluate"
    assert result["written"] == []
    assert [s["rmse_nm"] for s in result["scores"]] == [None, pytest.approx(80, abs=1e-3)]
    assert captured.err == ""


def test_says_what_was_written(tmp_path, capsys):
    assert main([*SIMULATE, "--frames", "2", "-o", str(tmp_path / "sim")]) == 0
    assert f"Wrote {tmp_path / 'sim.tif'}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evalute", "a", "b"], 'Did you mean "evaluate"?'),
        (["import-simulation", "a"], "TRUTH is missing; expected: "),
        (["preview", "a", "-o", "b"], "--model is missing; expected: model folder, or general"),
        (["preview", "a", "--modle", "m"], "--model is missing. Did you mean --model instead of"),
        (["evaluate", "a", "b", "c"], "unexpected: 'c'"),
        (["evaluate", "a", "b", "--tolerence-nm", "5"], "Did you mean --tolerance-nm?"),
        (["evaluate", "a", "b", "--border-nm"], "--border-nm requires an argument"),
        (["evaluate", "a", "b", "--border-nm", "x"], "border_nm is 'x'; expected a number from 0"),
        (
            ["evaluate", "a", "b", "--tolerance-nm", "x"],
            "tolerance_nm is 'x'; expected one or more numbers",
        ),
        (["evaluate", "no.csv", "no.csv"], "there is no file no.csv"),
        (["evaluate", "a", "b", "--config", "no.toml"], "there is no file no.toml"),
        (["simulate", "-o", "x"], "pixel_size_nm is missing"),
    ],
)
def test_wrong_input_gets_one_sentence_and_exit_code_2(arguments, said, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1


def test_debug_shows_the_traceback_too(capsys):
    assert main(["evaluate", "no.csv", "no.csv", "--debug"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.splitlines()[-1].startswith("deep-storm evaluate: there is no file")


def test_takes_settings_from_a_file_and_the_camera_from_another(tmp_path, capsys):
    (tmp_path / "camera.toml").write_text(
        "[camera]\npixel_size_nm = 100\nbaseline_adu = 100\nphotons_per_adu = 1\n"
    )
    files = [str(DATA / "dense_d6_first10.tif"), str(DATA / "dense_d6_first10_gt.csv")]
    camera = ["--camera", str(tmp_path / "camera.toml")]
    assert main(["import-simulation", *files, *camera, "-o", str(tmp_path / "m.toml")]) == 0
    options = ["--config", str(tmp_path / "m.toml"), "--frames", "2", "--seed", "1"]
    assert main(["simulate", *options, *camera, "-o", str(tmp_path / "sim"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out.partition("toml\n")[2])
    assert result["frames"] == 2


def test_the_forms_that_are_promised_parse():
    """``--from``, a pair of files, an optional positional word, four numbers with commas."""
    from deep_storm.settings import Settings, setting

    class Region(Settings):
        """A region."""

        roi: tuple[int, int, int, int] | None = setting(None, "left, top, width, height")

    @verb(
        "learn",
        Argument("stack", "a stack"),
        Argument("simulation", "stack and truth", kind=tuple[Path, Path]),
        Argument("from_model", "a model", option="--from"),
        Argument("output", "a folder", writes=True),
        Argument("formula", "a formula", kind=str),
        region=Region,
    )
    def learn(
        stack=None, *, simulation=None, from_model=None, formula="a > 1", region=Region(), output
    ):
        given.update(locals())
        return Done()

    class Done:
        written = ()

        def summary(self):
            return ""

        def to_json(self):
            return {}

    given: dict[str, object] = {}
    program = app.make_app([verb_of(learn)])
    words = "learn --simulation a.tif b.csv --from models/mine -o out --roi 10,20,100,80"
    command, bound, _ = program.parse_args(words.split(), exit_on_error=False, print_error=False)
    assert command(*bound.args, **bound.kwargs) == 0
    assert given["stack"] is None
    assert given["simulation"] == (Path("a.tif"), Path("b.csv"))
    assert given["from_model"] == Path("models/mine")
    assert given["formula"] == "a > 1"
    assert given["region"] == Region(roi=(10, 20, 100, 80))


def test_options_of_the_version_before_are_taken_but_not_shown(tables, capsys):
    table, _ = tables
    old = ["--least-neighbours", "1"]  # formerly
    assert main(["filter", str(table), *old, "--json"]) == 0
    assert main(["filter", "--help"]) == 0
    shown = capsys.readouterr().out.rpartition("}")[2]
    assert "--min-neighbours" in shown
    assert old[0] not in shown


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_ctrl_c_stops_and_leaves_no_file(heed_ctrl_c, tmp_path):
    process = run_process(*SIMULATE, "--frames", "1000000", "-o", str(tmp_path / "sim"))
    while not list(tmp_path.iterdir()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("Stopped")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="pipes as on POSIX")
@pytest.mark.parametrize("words", [["evaluate"], ["--help"], ["evaluate", "--help"], ["--version"]])
def test_nobody_reading_is_no_error(tables, words):
    process = run_process(*words, *(tables if words == ["evaluate"] else []))
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 141
