"""Send To ThunderSTORM, with windows in ThunderSTORM's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from deep_storm.io.tables.thunderstorm import read_table

DATA = Path(__file__).resolve().parents[1] / "data"
TABLE = DATA / "filaments_drift_first20_thunderstorm.csv"
ROWS = len(read_table(TABLE))


@pytest.fixture
def thunderstorm(screen, tmp_path):
    """Let a macro stand in the place of ThunderSTORM's Import results."""

    def put(text):
        macro = tmp_path / "import.ijm"
        macro.write_text(text)
        screen.ask("add_command", name="Import results", macro=macro.as_posix())

    yield put
    screen.ask("add_command", name="Import results", macro=None)


def test_thunderstorm_gets_the_table_with_its_own_options(screen, thunderstorm, tmp_path):
    noted = tmp_path / "noted.txt"
    thunderstorm(
        f'File.saveString(call("ij.Macro.getOptions"), "{noted.as_posix()}");\n'
        'Table.create("ThunderSTORM: results");\n'
    )
    done = screen.run("Send_To_ThunderSTORM", table=TABLE)
    assert done["status"] == f"ok: ThunderSTORM shows the rows of {TABLE}"
    assert noted.read_text(encoding="utf-8").split("filepath=")[1].strip() == (
        f"[{TABLE.as_posix()}] fileformat=[CSV (comma separated)] "
        "detectmeasurementprotocol=true livepreview=false rawimagestack= startingframe=1 "
        "append=false"
    )


def test_the_rows_that_thunderstorm_shows_are_counted(screen, thunderstorm):
    thunderstorm("wait(1);\n")
    screen.ask("open_swing_table", title="ThunderSTORM: results", rows=ROWS)
    done = screen.run("Send_To_ThunderSTORM", table=TABLE)
    assert done["status"] == f"ok: ThunderSTORM shows {ROWS} rows of {TABLE}"


def test_a_thunderstorm_that_fails_without_a_word_is_no_success(screen, thunderstorm):
    thunderstorm("wait(1);\n")
    running = screen.begin("Send_To_ThunderSTORM", table=TABLE)
    title, text, _ = screen.dialog()
    assert title == "Deep-STORM: Send To ThunderSTORM"
    assert "did not open its results window: on Java" in text  # these tests have a newer Java
    screen.ask("click", label="OK")
    status = running.result()["status"]
    assert status.startswith("error: ThunderSTORM did not open")
    assert str(TABLE) in status
    assert f"{TABLE.name} localizations" in screen.ask("windows")


def test_a_table_of_before_in_thunderstorm_is_no_success(screen, thunderstorm):
    thunderstorm("wait(1);\n")
    screen.ask("open_swing_table", title="ThunderSTORM: results", rows=3)
    running = screen.begin("Send_To_ThunderSTORM", table=TABLE)
    screen.dialog()
    screen.ask("click", label="OK")
    status = running.result()["status"]
    assert status.startswith(f"error: ThunderSTORM shows 3 rows of the {ROWS} in {TABLE}")
