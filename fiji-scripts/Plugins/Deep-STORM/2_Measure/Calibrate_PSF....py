#!Python
#@script(language="Python (pyimagej)")
# Measure the PSF over depth on z-stacks of beads.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Z-stack of beads", description="Z-stack of beads (TIFF), a frame per plane; several stacks are used together; current = the active one", value="current", style="open", required=false, persist=false) stack
#@ Double (label="Distance of planes (nm)", description="Distance of the planes: by how much z rises from one frame to the next; negative where it falls (-1000 to 1000)", min="-1000", max="1000", value="0", style="format:0.######", stepSize="0.1", persistKey="deepstorm.calibrate-psf.z_step_nm") z_step_nm
#@ File (label="Camera", description="Camera file (TOML), or the name of a saved camera; current = as entered in Camera Setup; none = no camera; ask = a list after OK", value="current", style="open", required=false, persist=false) camera
#@ String (label="Frames", description="Frames to use of each stack, counted from 1, as FIRST:LAST; all = no limit", value="all", persist=false) frames
#@ File (label="Save as", description="PSF file to write (NAME.toml), with its values (NAME.npz) and a picture (NAME.png) beside it; none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera_maps, radius_um, intensity_photon, background_photon, config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Calibrate PSF")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("calibrate-psf", globals()))
