#!Python
#@script(language="Python (pyimagej)")
# Show what Deep-STORM finds on this computer: versions, processors, GPUs, Fiji.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ UIService ui
#@ StatusService status_service
#@ LogService log
#@ PrefService prefs
#@output Object result_image
#@output Object result_table
#@output String status
try:
    from deep_storm.fiji import run
except ImportError as missing:
    status = ("error: deep_storm cannot be imported in Fiji's Python (%s): put the line that "
              "'deep-storm fiji install' prints into Pip dependencies in "
              "Edit > Options > Python..., and build the environment" % missing)
    if not ui.isHeadless():
        ui.showDialog(status, "Check Installation")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("doctor", globals()))
