#!Python
#@script(language="Python (pyimagej)")
# Measure the camera's baseline, read noise and gain in a stack.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Movie", description="Stack of frames (TIFF); current = the active one", value="current", style="open", required=false, persist=false) stack
#@ Boolean (label="Use for the camera", description="Use baseline and read noise for the camera, and photons per ADU where it has none", value="false", persist=false) use_for_camera
#@ Boolean (label="Use the gain for the camera", description="Replace the camera's photons per ADU by those that the noise suggests", value="false", persist=false) use_gain
#@ File (label="Save as", description="Camera file (TOML) to write; an existing one is updated if it may be overwritten; none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: dark, percentile, clip_sigmas, method, pixel_size_nm, photons_per_adu, quantum_efficiency, em_gain, read_noise_adu, config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Measure Background")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("measure-background", globals()))
