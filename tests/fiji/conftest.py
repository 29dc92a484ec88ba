"""A real ImageJ for the tests, once a session, in a process of its own."""

from __future__ import annotations

import os
import queue
import secrets
import shlex
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing.connection import Listener
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parents[1] / "fiji-scripts" / "Plugins" / "Deep-STORM"
FIJI_APP = os.environ.get("DEEP_STORM_FIJI_APP")
SERVICE = "deep_storm.fiji.client.service"
QUICK = """
from deep_storm.training import brightness, calibration, refining
calibration.EMITTERS = {"native": 600, "classic": 150}
refining.EMITTERS, brightness.EMITTERS = 400, 200
from deep_storm.training import data, loop
data.VALIDATION_BATCHES = 1
from deep_storm.report import figures, page
figures.LAYOUT, page.DPI = None, 40
from deep_storm.estimation.psf import movie
movie.FIRST_ROUNDS, movie.LAST_ROUNDS, movie.MAX_SCENES = 3, 1, 48
if not hasattr(loop, "with_graph"):
    def plain(*arguments, loop=loop):
        step, loss, optimizer = loop.with_graph(*arguments)
        return step.python_function, loss.python_function, optimizer
    loop.with_graph, loop.compiled = loop.compiled, plain
import sys
if "deep_storm.networks.native" in sys.modules:  # with TensorFlow
    from deep_storm.networks.native import NativeNetwork
    NativeNetwork.build = getattr(NativeNetwork, "whole", NativeNetwork.build)
"""
"""Before each of the worker's tasks, as ``quick_calibration``, ``eager_training``, ``quick_psf``
and ``plain_figures`` do here."""
SMALL = """
from deep_storm.networks.native import NativeNetwork
def small(self, dtype="float32", drawn=True):
    import keras
    from deep_storm.networks.base import EXPECTATIONS
    frame, expected = keras.Input((None, None, 3)), keras.Input((EXPECTATIONS,))
    seen = keras.layers.Conv2D(37, 5, padding="same", name="cells")(frame)
    known = keras.layers.Reshape((1, 1, 37))(keras.layers.Dense(37)(expected))
    return keras.Model([frame, expected], keras.layers.Add()([seen, known]))
NativeNetwork.whole, NativeNetwork.build = NativeNetwork.build, small
"""
"""After it, for a training of which only the windows are looked at: two layers, of which steps
are fast."""
PATIENT = (
    (SERVICE, "START_SECONDS"),
    ("deep_storm.fiji.client.jobs", "TERMINATE_SECONDS"),
    ("deep_storm.fiji.client.jobs", "KILL_SECONDS"),
    ("deep_storm.fiji.client.jobs", "HANDING_OVER_SECONDS"),
)
"""How long ImageJ waits for its worker: a slow machine is no fault."""


class ImageJ:
    """The process of ``imagej_host.py`` as the tests see it."""

    def __init__(self, mode, home, fiji=None, display=None):
        key = secrets.token_bytes(16)
        environment = dict(
            os.environ,
            DEEP_STORM_TEST_KEY=key.hex(),
            DEEP_STORM_TEST_HOME=str(home),
            OMP_NUM_THREADS="1",
            TF_CPP_MIN_LOG_LEVEL="3",
            BROWSER=shlex.join([sys.executable, str(HERE / "browser.py"), "%s"]),
        )
        if display:
            environment["DISPLAY"] = display
        self._futures = {}
        self._number = 0
        self.output = home / f"imagej-{mode}.log"
        with Listener(None, authkey=key) as listener, self.output.open("wb") as log:
            command = [sys.executable, str(HERE / "imagej_host.py"), str(listener.address), mode]
            command += [fiji] if fiji else []
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=home
            )
            self._connection = self._accepted(listener)
        self._started = self._futures[0] = Future()
        threading.Thread(target=self._receive, daemon=True).start()
        self.pid = self._started.result()

    def _accepted(self, listener):
        accepted = queue.Queue()
        threading.Thread(target=lambda: accepted.put(listener.accept()), daemon=True).start()
        while self.process.poll() is None:
            with suppress(queue.Empty):
                return accepted.get(timeout=0.2)
        raise RuntimeError(f"ImageJ did not start:\n{self.output.read_text(errors='replace')}")

    def _receive(self):
        while True:
            try:
                number, fine, value = self._connection.recv()
            except Exception as error:  # noqa: BLE001 - the tests must not wait for ever
                for future in self._futures.values():
                    if not future.done():
                        future.set_exception(RuntimeError(f"ImageJ's process has ended: {error!r}"))
                return
            future = self._futures.pop(number)
            if fine:
                future.set_result(value)
            else:
                future.set_exception(RuntimeError(value))

    def start(self, function, /, **keywords):
        """Ask for something; the answer comes later."""
        self._number += 1
        future = self._futures[self._number] = Future()
        self._connection.send((self._number, function, keywords))
        return future

    def ask(self, function, /, **keywords):
        return self.start(function, **keywords).result()

    def run(self, command, image=None, **inputs):
        """Run a command of the menu to its end."""
        return self.begin(command, image, **inputs).result()

    def begin(self, command, image=None, **inputs):
        values = {k: str(v) if isinstance(v, Path) else v for k, v in inputs.items()}
        return self.start("run", script=self.script(command), image=image, **values)

    def run_through(self, command, image=None, **inputs):
        """Run a command to its end, pressing OK where something is told."""
        return self.finish(self.begin(command, image, **inputs))

    def finish(self, running):
        """Wait for the end of a command, pressing OK where something is told; adds those texts."""
        told = []

        def ended():
            done = running.done()  # what is told last stays after the end
            for _, text, buttons in self.ask("dialogs"):
                if [button.strip() for button in buttons] == ["OK"]:
                    told.append(" ".join(text.split()))
                    self.ask("click", label=r"\s*OK\s*")
            return done

        self.wait_for(ended)
        return running.result() | {"told": told}

    def title(self, command):
        """Return what a command is called in its dialogs."""
        return command.removesuffix("...").replace("_", " ")

    def script(self, command):
        (found,) = SCRIPTS.rglob(f"{command}.py")
        return str(found)

    def wait_for(self, condition):
        """Wait until something is true; returns it. It is the test's timeout that ends this."""
        while not (found := condition()):
            time.sleep(0.1)
        return found

    def wait_for_progress(self, words):
        """Wait until the status bar counts something."""
        return self.wait_for(
            lambda: [line for line in self.ask("status") if f" {words}" in line[3] and line[1]]
        )

    def dialog(self):
        """Wait for one dialog; returns its title, text and buttons."""
        (found,) = self.wait_for(lambda: self.ask("dialogs"))
        return found

    def show(self, name, **image):
        """Open an image in a window."""
        self.ask("keep_image", name=name, **image)
        self.ask("evaluate", text=f"KEPT[{name!r}].show()")

    def picture(self, path, x=0, y=0, width=1280, height=900):
        """Take a picture of the screen when it does not change any more."""
        before = None
        for _ in range(40):
            self.ask("screenshot", path=str(path), x=x, y=y, width=width, height=height)
            pixels = np.asarray(Image.open(path).convert("L"))
            if before is not None and pixels.std() > 5 and np.array_equal(pixels, before):
                break
            before = pixels
            time.sleep(0.25)
        assert pixels.std() > 5, "the screen is empty"
        return pixels

    @contextmanager
    def replaced(self, module, **values):
        """Give variables of a module of ImageJ's process other values for a while."""
        before = {
            name: self.ask("replace", module=module, name=name, value=value)
            for name, value in values.items()
        }
        try:
            yield
        finally:
            for name, value in before.items():
                self.ask("replace", module=module, name=name, value=value)

    def worker_pid(self):
        text = "__import__('deep_storm.fiji.client.service', fromlist=['x']).current()"
        return self.ask("evaluate", text=f"{text}.pid if {text} else None")

    def end(self):
        self._connection.send(None)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("fiji home äöü")


def _start(mode, home, display=None):
    try:
        started = ImageJ(mode, home, FIJI_APP, display)
    except RuntimeError as error:
        offline = ("MavenCentral", "Max retries", "resolve host", "Connection", "URLError")
        if any(word in str(error) for word in offline):
            pytest.skip(f"ImageJ is not cached and Maven Central cannot be reached: {error}")
        raise
    for module, name in PATIENT:
        started.ask("replace", module=module, name=name, value=3600.0)
    started.plain_perform = started.ask("replace", module=SERVICE, name="_PERFORM", value="")
    quick = QUICK + started.plain_perform
    started.ask("replace", module=SERVICE, name="_PERFORM", value=quick)
    return started


@pytest.fixture(scope="session")
def imagej(home):
    """A headless ImageJ."""
    started = _start("headless", home)
    yield started
    started.end()


@pytest.fixture(scope="session")
def display():
    """A virtual screen."""
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no Xvfb on this machine (on Debian: apt install xvfb)")
    read, write = os.pipe()
    server = subprocess.Popen(
        [
            "Xvfb",
            "-displayfd",
            str(write),
            "-screen",
            "0",
            "1280x900x24",
            "-wr",
            "-nolisten",
            "tcp",
        ],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


@pytest.fixture(scope="session")
def imagej_windows(home, display):
    """An ImageJ with windows on a virtual screen."""
    started = _start("windows", home, display)
    yield started
    started.end()


@pytest.fixture
def screen(imagej_windows):
    """An ImageJ with windows, none of them open."""
    imagej_windows.ask("close_all")
    yield imagej_windows
    imagej_windows.ask("close_all")


@pytest.fixture
def small_network(screen):
    """Let the worker train networks of two layers; give ``more="from_model=none"``."""
    with screen.replaced(SERVICE, _PERFORM=QUICK + SMALL + screen.plain_perform):
        yield


@pytest.fixture
def pictures(tmp_path):
    """Where pictures of the screen go: with DEEP_STORM_DOC_IMAGES=docs/images, into the docs."""
    return Path(os.environ.get("DEEP_STORM_DOC_IMAGES") or tmp_path).resolve()


@pytest.fixture(scope="session")
def trained(tmp_path_factory, imagej):
    """A folder with a simulation, its truth, a camera and a model, trained through the menu."""
    import deep_storm as ds
    from deep_storm.io.camera_files import write_camera

    folder = tmp_path_factory.mktemp("modèle µm 日本")
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
    molecules = {
        "sigma_nm": 110.0,
        "density_per_um2": 1.0,
        "intensity_photon": 1500.0,
        "background_photon": 20.0,
    }
    ds.simulate(
        output=folder / "sim", frames=12, width_px=40, height_px=36, camera=camera, **molecules
    )
    write_camera(folder / "camera.toml", camera)
    (folder / "small.toml").write_text("[training]\nbatch = 2\npatch_size_px = 24\n")
    done = imagej.run(
        "Train_Model...",
        camera=folder / "camera.toml",
        config=folder / "small.toml",
        output=folder / "model",
        steps="3",
        **molecules,
    )
    assert done["status"].startswith("ok: "), done["status"]
    return folder


@pytest.fixture(scope="session")
def movie(trained):
    """The simulation's frames (t, y, x)."""
    import tifffile

    return np.ascontiguousarray(tifffile.imread(trained / "sim.tif"))
