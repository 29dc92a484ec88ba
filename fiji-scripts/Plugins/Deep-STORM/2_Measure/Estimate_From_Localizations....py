#!Python
#@script(language="Python (pyimagej)")
# Estimate PSF, photons, density and background, for a matched simulation.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Movie", description="Stack of frames (TIFF); without it, the table alone is used; current = the active one", value="current", style="open", required=false, persist=false) stack
#@ File (label="Table of localizations", description="Localization table (CSV) of the stack, from ThunderSTORM or Deep-STORM; current = the active one", value="current", style="open", required=false, persist=false) localizations
#@ File (label="Camera", description="Camera file (TOML), or the name of a saved camera; current = as entered in Camera Setup; none = no camera; ask = a list after OK", value="current", style="open", required=false, persist=false) camera
#@ File (label="Save as", description="Settings file (TOML) to write, with a picture of the histograms (.png) and the measured PSF (-psf.toml) beside it; none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera_maps, trust_camera, wavelength_nm, numerical_aperture, config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Estimate From Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("estimate", globals()))
