#!Python
#@script(language="Python (pyimagej)")
# Estimate PSF, photons, density and background, for a matched simulation.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Stack", description="Stack of frames (TIFF); without it, the table alone is used; current = the active one", value="current", style="open", required=false, persist=false) stack
#@ File (label="Localizations", description="Localization table (CSV) of the stack, from ThunderSTORM or Deep-STORM; current = the active one", value="current", style="open", required=false, persist=false) localizations
#@ File (label="Output", description="Settings file (TOML) to write, with a picture of the histograms (.png) beside it; none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera maps", description="sCMOS calibration (TIFF): offset (ADU), gain (photon/ADU) and variance (ADU^2) of each pixel; none = no file", value="none", style="open", required=false, persistKey="deepstorm.estimate.camera_maps") camera_maps
#@ Boolean (label="Trust camera", description="Go on although the noise of the frames contradicts the camera", value="false", persistKey="deepstorm.estimate.trust_camera") trust_camera
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera", value="current", style="open", required=false, persist=false) camera
#@ String (label="Wavelength (nm)", description="Emission wavelength; auto = unknown (200 to 2000)", value="auto", persistKey="deepstorm.estimate.wavelength_nm") wavelength_nm
#@ String (label="Numerical aperture", description="Numerical aperture of the objective; auto = unknown (more than 0.05, at most 2)", value="auto", persistKey="deepstorm.estimate.numerical_aperture") numerical_aperture
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
        ui.showDialog(status, "Estimate From Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("estimate", globals()))
