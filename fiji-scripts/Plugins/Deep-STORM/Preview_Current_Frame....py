#!Python
#@script(language="Python (pyimagej)")
# Try a model on one frame.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ String (label="Frame", description="Number of the frame, counted from 1; current = the one shown", value="current", persist=false) frame
#@ File (label="Stack", description="Stack of frames (TIFF); current = the active one", value="current", style="open", required=false, persist=false) stack
#@ File (label="Model", description="Model folder, or general: the model included with Deep-STORM, which needs no training", value="general", style="directory", required=false, persistKey="deepstorm.preview.model") model
#@ String (label="Threshold", description="Minimum confidence of a localization; auto = the model's", value="auto", persistKey="deepstorm.preview.threshold") threshold
#@ Boolean (label="Refine", description="Fit the localizations of the frame together, as in reconstruct --refine", value="false", persistKey="deepstorm.preview.refine") refine
#@ File (label="Output", description="Picture to write (.png); none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera maps", description="sCMOS calibration (TIFF): offset (ADU), gain (photon/ADU) and variance (ADU^2) of each pixel; none = no file", value="none", style="open", required=false, persistKey="deepstorm.preview.camera_maps") camera_maps
#@ Boolean (label="Trust camera", description="Go on although the noise of the frames contradicts the camera", value="false", persistKey="deepstorm.preview.trust_camera") trust_camera
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera; auto = the camera of the model, or that of Camera Setup for the general model", value="auto", style="open", required=false, persist=false) camera
#@ String (label="Device", description="auto (a GPU if there is one), cpu or gpu:N (doctor lists them)", value="auto", persistKey="deepstorm.preview.device") device
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
        ui.showDialog(status, "Preview Current Frame")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("preview", globals()))
