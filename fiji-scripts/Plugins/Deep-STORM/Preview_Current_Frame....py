#!Python
#@script(language="Python (pyimagej)")
# Look at the localizations of one frame before running.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ String (label="Frame", description="Which frame, counted from 1; current = the frame in view", value="current", persist=false) frame
#@ File (label="Stack", description="Stack of frames (TIFF); current = the one in front", value="current", style="open", required=false, persist=false) stack
#@ File (label="Model", description="Model folder, or general: the bundled one, which needs no training", value="general", style="directory", required=false, persistKey="deepstorm.preview.model") model
#@ String (label="Threshold", description="Least confidence; auto = the one stored in the model", value="auto", persistKey="deepstorm.preview.threshold") threshold
#@ Boolean (label="Refine", description="Fit the localizations together, as reconstruct --refine does", value="false", persistKey="deepstorm.preview.refine") refine
#@ File (label="Output", description="Picture to write (.png); none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera maps", description="Maps of an sCMOS camera (TIFF): offset (ADU), gain (photon/ADU), variance (ADU^2); none = no file", value="none", style="open", required=false, persistKey="deepstorm.preview.camera_maps") camera_maps
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup, none = not given; auto = the model's own, for the general model as entered in Camera Setup", value="auto", style="open", required=false, persist=false) camera
#@ String (label="Device", description="Auto, cpu or gpu:N (as doctor lists them); auto = decide for yourself", value="auto", persistKey="deepstorm.preview.device") device
#@ File (label="Settings file", description="TOML file with what this dialog does not have or calls auto; none = no file", value="none", style="open", required=false, persist=false) config
#@ Boolean (label="Overwrite", description="Replace files that exist", value="false", persist=false) overwrite
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
