#!Python
#@script(language="Python (pyimagej)")
# Measure the shape of the PSF in a movie of blinking molecules or in images of beads.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Stack", description="Stack of frames (TIFF); current = the active one", value="current", style="open", required=false, persist=false) stack
#@ File (label="Output", description="PSF file to write (NAME.toml), with its values (NAME.npz) and a picture (NAME.png) beside it; none = no file", value="none", style="save", required=false, persist=false) output
#@ Boolean (label="Beads", description="The frames show beads in focus, not blinking molecules", value="false", persistKey="deepstorm.measure-psf.beads") beads
#@ File (label="Camera maps", description="sCMOS calibration (TIFF): offset (ADU), gain (photon/ADU) and variance (ADU^2) of each pixel; none = no file", value="none", style="open", required=false, persistKey="deepstorm.measure-psf.camera_maps") camera_maps
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera", value="current", style="open", required=false, persist=false) camera
#@ String (label="Frames", description="Frames to use, counted from 1, as FIRST:LAST; auto = all", value="auto", persist=false) frames
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
        ui.showDialog(status, "Measure PSF")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("measure-psf", globals()))
