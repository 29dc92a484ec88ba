#!Python
#@script(language="Python (pyimagej)")
# Measure the shape of the PSF in a movie of blinking molecules or in images of beads.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Movie", description="Stack of frames (TIFF); current = the active one", value="current", style="open", required=false, persist=false) stack
#@ Boolean (label="Images of beads", description="The frames show beads in focus, not blinking molecules", value="false", persistKey="deepstorm.measure-psf.beads") beads
#@ String (label="Roughly known PSF", description="Roughly known PSF that encodes depth, as theory: a file with a section [pupil]; its aberrations are fitted to the movie, which gives the PSF over depth; none = not used", value="none", persistKey="deepstorm.measure-psf.psf_file") psf_file
#@ File (label="Camera", description="Camera file (TOML), or the name of a saved camera; current = as entered in Camera Setup; none = no camera; ask = a list after OK", value="current", style="open", required=false, persist=false) camera
#@ String (label="Frames", description="Frames to use, counted from 1, as FIRST:LAST; all = no limit", value="all", persist=false) frames
#@ File (label="Save as", description="PSF file to write (NAME.toml), with its values (NAME.npz) and a picture (NAME.png) beside it; none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera_maps, trust_camera, config, overwrite", value="none", persist=false) more
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
