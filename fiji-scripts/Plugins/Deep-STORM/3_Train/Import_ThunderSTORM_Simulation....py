#!Python
#@script(language="Python (pyimagej)")
# Check and describe a simulation made by ThunderSTORM.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Movie", description="Stack of frames (TIFF); current = the active one", value="current", style="open", required=false, persist=false) stack
#@ File (label="Ground truth", description="Ground truth (CSV); none = asked for after OK", value="none", style="open", required=false, persistKey="deepstorm.import-simulation.truth") truth
#@ File (label="Camera", description="Camera file (TOML), or the name of a saved camera; current = as entered in Camera Setup; none = no camera; ask = a list after OK", value="current", style="open", required=false, persist=false) camera
#@ File (label="Save as", description="Settings file (TOML) to write: the camera, and a simulation that matches; with the PSF (-psf.toml) beside it where the ground truth gives it over depth; none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Import ThunderSTORM Simulation")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("import-simulation", globals()))
