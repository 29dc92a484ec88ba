#!Python
#@script(language="Python (pyimagej)")
# Measure baseline and read noise in the ROI, or in the dark part of the image.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ Boolean (label="Use for the camera", description="Use mean and standard deviation as baseline and read noise of the camera", value="false", persist=false) use_for_camera
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
        ui.showDialog(status, "Measure Background")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("measure-background", globals()))
