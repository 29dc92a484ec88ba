#!Python
#@script(language="Python (pyimagej)")
# Simulate a stack of frames and its ground truth.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ String (label="Simulation matched to", description="Where PSF, emitters and background are taken from", value="fields of this dialog", choices={"fields of this dialog", "settings file"}, persistKey="deepstorm.simulate.matched_to") matched_to
#@ Double (label="PSF sigma (nm)", description="Standard deviation of the PSF; about 0.21 x wavelength / NA (20 to 2000)", min="20", max="2000", value="130", style="format:0.######", stepSize="10", persistKey="deepstorm.simulate.sigma_nm") sigma_nm
#@ Double (label="Density of molecules (per um^2)", description="Emitters per um^2 and frame (more than 0, at most 100)", min="0", max="100", value="2", style="format:0.######", stepSize="0.1", persistKey="deepstorm.simulate.density_per_um2") density_per_um2
#@ Double (label="Photons of a molecule", description="Mean photons of an emitter in one frame (more than 0, at most 1000000)", min="0", max="1000000", value="1500", style="format:0.######", stepSize="100", persistKey="deepstorm.simulate.intensity_photon") intensity_photon
#@ Double (label="Background of a pixel (photon)", description="Mean photons per pixel without emitters (0 to 100000)", min="0", max="100000", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.simulate.background_photon") background_photon
#@ Integer (label="Number of frames", description="Number of frames (1 to 10000000)", min="1", max="10000000", value="100", persist=false) frames
#@ File (label="Settings file", description="Settings file (TOML) for what is not in this dialog, or is auto here; none = no file", value="none", style="open", required=false, persist=false) config
#@ File (label="Save as", description="Name of the files without extension: NAME.tif, NAME.csv, NAME-protocol.txt; none = asked for after OK", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera_maps, camera, sigma_std_nm, intensity_std_photon, structure, background_std_photon, width_px, height_px, seed, overwrite", value="none", persist=false) more
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
