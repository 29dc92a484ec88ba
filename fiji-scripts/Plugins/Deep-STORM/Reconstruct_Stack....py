#!Python
#@script(language="Python (pyimagej)")
# Turn a stack into a super-resolution image and a table.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Stack", description="Stack of frames (TIFF); several, or a pattern: a sweep; current = the one in front", value="current", style="open", required=false, persist=false) stack
#@ File (label="Model", description="Model folder, or general: the bundled one, which needs no training", value="general", style="directory", required=false, persistKey="deepstorm.reconstruct.model") model
#@ File (label="Output", description="Name of the files without ending: NAME.tif, NAME.csv, NAME-protocol.txt, NAME-run.toml, NAME-report.html; of a sweep, the directory for them; none = no file", value="none", style="save", required=false, persist=false) output
#@ Boolean (label="Resume", description="Go on where an interrupted run with the same output was", value="false", persist=false) resume
#@ Boolean (label="No report", description="Write no report (NAME-report.html)", value="false", persistKey="deepstorm.reconstruct.no_report") no_report
#@ File (label="Camera maps", description="Maps of an sCMOS camera (TIFF): offset (ADU), gain (photon/ADU), variance (ADU^2); none = no file", value="none", style="open", required=false, persistKey="deepstorm.reconstruct.camera_maps") camera_maps
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup, none = not given; auto = the model's own, for the general model as entered in Camera Setup", value="auto", style="open", required=false, persist=false) camera
#@ String (label="Threshold", description="Least confidence of a localization; auto = the one stored in the model (0 to 1)", value="auto", persistKey="deepstorm.reconstruct.threshold") threshold
#@ String (label="Upsampling", description="Super-resolution pixels along one camera pixel; auto = the model's (1 to 64)", value="auto", persistKey="deepstorm.reconstruct.upsampling") upsampling
#@ Boolean (label="Refine", description="Fit the localizations of a frame together, with births, splits and deaths: more accurate, takes longer", value="false", persistKey="deepstorm.reconstruct.refine") refine
#@ String (label="Frames", description="Frames to use, 1-based and inclusive, as FIRST:LAST; auto = all", value="auto", persist=false) frames
#@ String (label="Device", description="Auto, cpu or gpu:N (as doctor lists them); auto = decide for yourself", value="auto", persistKey="deepstorm.reconstruct.device") device
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
        ui.showDialog(status, "Reconstruct Stack")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("reconstruct", globals()))
