#!Python
#@script(language="Python (pyimagej)")
# Simulate a stack of frames and its ground truth.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ String (label="Simulation matched to", description="Where PSF, emitters and background are taken from", value="fields of this dialog", choices={"fields of this dialog", "settings file"}, persistKey="deepstorm.simulate.matched_to") matched_to
#@ File (label="Output", description="Name of the files without extension: NAME.tif, NAME.csv, NAME-protocol.txt; none = asked for after OK", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera maps", description="sCMOS calibration (TIFF): offset (ADU), gain (photon/ADU) and variance (ADU^2) of each pixel; none = no file", value="none", style="open", required=false, persistKey="deepstorm.simulate.camera_maps") camera_maps
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera", value="current", style="open", required=false, persist=false) camera
#@ Double (label="PSF sigma (nm)", description="Standard deviation of the PSF; about 0.21 x wavelength / NA (20 to 2000)", min="20", max="2000", value="130", style="format:0.######", stepSize="10", persistKey="deepstorm.simulate.sigma_nm") sigma_nm
#@ Double (label="PSF sigma std (nm)", description="Standard deviation of the PSF sigma between emitters (0 to 500)", min="0", max="500", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.simulate.sigma_std_nm") sigma_std_nm
#@ Double (label="Density (per um^2)", description="Emitters per um^2 and frame (more than 0, at most 100)", min="0", max="100", value="2", style="format:0.######", stepSize="0.1", persistKey="deepstorm.simulate.density_per_um2") density_per_um2
#@ Double (label="Intensity (photon)", description="Mean photons of an emitter in one frame (more than 0, at most 1000000)", min="0", max="1000000", value="1500", style="format:0.######", stepSize="100", persistKey="deepstorm.simulate.intensity_photon") intensity_photon
#@ Double (label="Intensity std (photon)", description="Standard deviation of the photons between emitters (0 to 1000000)", min="0", max="1000000", value="300", style="format:0.######", stepSize="10", persistKey="deepstorm.simulate.intensity_std_photon") intensity_std_photon
#@ String (label="Structure", description="Where emitters lie: uniform, filaments, clusters, mixed (all three), or the name of a mask image", value="uniform", persistKey="deepstorm.simulate.structure") structure
#@ Double (label="Background (photon)", description="Mean photons per pixel without emitters (0 to 100000)", min="0", max="100000", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.simulate.background_photon") background_photon
#@ Double (label="Background std (photon)", description="Standard deviation of the background between frames (0 to 100000)", min="0", max="100000", value="0", style="format:0.######", stepSize="0.1", persistKey="deepstorm.simulate.background_std_photon") background_std_photon
#@ Integer (label="Frames", description="Number of frames (1 to 10000000)", min="1", max="10000000", value="100", persist=false) frames
#@ Integer (label="Width (px)", description="Frame width (4 to 8192)", min="4", max="8192", value="64", persistKey="deepstorm.simulate.width_px") width_px
#@ Integer (label="Height (px)", description="Frame height (4 to 8192)", min="4", max="8192", value="64", persistKey="deepstorm.simulate.height_px") height_px
#@ Integer (label="Seed", description="Random seed: the same seed gives the same frames (0 to 2147483647)", min="0", max="2147483647", value="1", persistKey="deepstorm.simulate.seed") seed
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
        ui.showDialog(status, "Simulate Training Data")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("simulate", globals()))
