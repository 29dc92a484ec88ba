#!Python
#@script(language="Python (pyimagej)")
# Try a model on one frame.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Model", description="Model folder, or general: the model included with Deep-STORM, which needs no training; ask = a list after OK", value="general", style="directory", required=false, persistKey="deepstorm.preview.model") model
#@ File (label="Camera", description="Camera file (TOML), or the name of a saved camera; current = as entered in Camera Setup; none = no camera; auto = the camera of the model, or that of Camera Setup for the general model; ask = a list after OK", value="auto", style="open", required=false, persist=false) camera
#@ String (label="Minimum confidence", description="Minimum confidence of a localization; auto = the model's", value="auto", persistKey="deepstorm.preview.threshold") threshold
#@ Boolean (label="Refine (more accurate, takes longer)", description="Fit the localizations of a frame together, with births, splits and deaths: more accurate, takes longer", value="false", persistKey="deepstorm.preview.refine") refine
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: frame, sigma_nm, density_per_um2, intensity_photon, background_photon, stack, output, camera_maps, trust_camera, device, config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Preview Current Frame")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("preview", globals()))
