#!Python
#@script(language="Python (pyimagej)")
# Make a super-resolution image and a localization table from a stack.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Movie", description="Stack of frames (TIFF); several stacks or a pattern are done one after the other; current = the active one", value="current", style="open", required=false, persist=false) stack
#@ File (label="Model", description="Model folder, or general: the model included with Deep-STORM, which needs no training; ask = a list after OK", value="general", style="directory", required=false, persistKey="deepstorm.reconstruct.model") model
#@ File (label="Camera", description="Camera file (TOML), or the name of a saved camera; current = as entered in Camera Setup; none = no camera; auto = the camera of the model, or that of Camera Setup for the general model; ask = a list after OK", value="auto", style="open", required=false, persist=false) camera
#@ String (label="Minimum confidence", description="Minimum confidence of a localization; auto = the model's (0 to 1)", value="auto", persistKey="deepstorm.reconstruct.threshold") threshold
#@ Boolean (label="Refine (more accurate, takes longer)", description="Fit the localizations of a frame together, with births, splits and deaths: more accurate, takes longer", value="false", persistKey="deepstorm.reconstruct.refine") refine
#@ String (label="Frames", description="Frames to use, counted from 1, as FIRST:LAST; all = no limit", value="all", persist=false) frames
#@ File (label="Save as", description="Name of the files without extension: NAME.tif, NAME.csv, NAME-protocol.txt, NAME-run.toml, NAME-report.html; or a folder that exists, always a folder for several stacks; none = no file", value="none", style="directory", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: sigma_nm, density_per_um2, intensity_photon, background_photon, resume, no_report, camera_maps, trust_camera, upsampling, device, config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Reconstruct Stack")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("reconstruct", globals()))
