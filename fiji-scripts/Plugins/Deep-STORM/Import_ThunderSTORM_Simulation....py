#!Python
#@script(language="Python (pyimagej)")
# Check and describe a simulation made by ThunderSTORM.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Stack", description="Stack of frames (TIFF); current = the active one", value="current", style="open", required=false, persist=false) stack
#@ File (label="Truth", description="Ground truth (CSV); none = asked for after OK", value="none", style="open", required=false, persistKey="deepstorm.import-simulation.truth") truth
#@ File (label="Output", description="Settings file (TOML) to write: the camera, and a simulation that matches; none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera", value="current", style="open", required=false, persist=false) camera
#@ File (label="Settings file", description="Settings file (TOML) for what is not in this dialog, or is auto here; none = no file", value="none", style="open", required=false, persist=false) config
#@ Boolean (label="Overwrite", description="Replace existing files", value="false", persist=false) overwrite
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
