#!Python
#@script(language="Python (pyimagej)")
# Make a super-resolution image and a localization table from a stack.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Stack", description="Stack of frames (TIFF); several stacks or a pattern are done one after the other; current = the active one", value="current", style="open", required=false, persist=false) stack
#@ File (label="Model", description="Model folder, or general: the model included with Deep-STORM, which needs no training", value="general", style="directory", required=false, persistKey="deepstorm.reconstruct.model") model
#@ File (label="Output", description="Name of the files without extension: NAME.tif, NAME.csv, NAME-protocol.txt, NAME-run.toml, NAME-report.html; or a folder (results/), always one for several stacks; none = no file", value="none", style="directory", required=false, persist=false) output
#@ Boolean (label="Resume", description="Continue an interrupted run with the same output", value="false", persist=false) resume
#@ Boolean (label="No report", description="Do not write the report (NAME-report.html)", value="false", persistKey="deepstorm.reconstruct.no_report") no_report
#@ File (label="Camera maps", description="sCMOS calibration (TIFF): offset (ADU), gain (photon/ADU) and variance (ADU^2) of each pixel; none = no file", value="none", style="open", required=false, persistKey="deepstorm.reconstruct.camera_maps") camera_maps
#@ Boolean (label="Trust camera", description="Go on although the noise of the frames contradicts the camera", value="false", persistKey="deepstorm.reconstruct.trust_camera") trust_camera
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera; auto = the camera of the model, or that of Camera Setup for the general model", value="auto", style="open", required=false, persist=false) camera
#@ String (label="Threshold", description="Minimum confidence of a localization; auto = the model's (0 to 1)", value="auto", persistKey="deepstorm.reconstruct.threshold") threshold
#@ String (label="Upsampling", description="Super-resolution pixels per camera pixel, along each axis; auto = the model's (1 to 64)", value="auto", persistKey="deepstorm.reconstruct.upsampling") upsampling
#@ Boolean (label="Refine", description="Fit the localizations of a frame together, with births, splits and deaths: more accurate, takes longer", value="false", persistKey="deepstorm.reconstruct.refine") refine
#@ String (label="Frames", description="Frames to use, counted from 1, as FIRST:LAST; auto = all", value="auto", persist=false) frames
#@ String (label="Device", description="auto (a GPU if there is one), cpu or gpu:N (doctor lists them)", value="auto", persistKey="deepstorm.reconstruct.device") device
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
        ui.showDialog(status, "Reconstruct Stack")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("reconstruct", globals()))
