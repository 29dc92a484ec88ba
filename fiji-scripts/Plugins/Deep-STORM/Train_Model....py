#!Python
#@script(language="Python (pyimagej)")
# Train a network on simulated frames that look like yours.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ String (label="Simulation matched to", description="Where PSF, emitters and background are taken from", value="fields of this dialog", choices={"fields of this dialog", "settings file", "imported simulation", "start model"}, persistKey="deepstorm.train.matched_to") matched_to
#@ File (label="Output", description="Model folder to write; none = asked for after OK", value="none", style="directory", required=false, persist=false) output
#@ File (label="Simulation stack", description="Stack (TIFF); none = no file", value="none", style="open", required=false, persistKey="deepstorm.train.simulation_stack") simulation_stack
#@ File (label="Simulation ground truth", description="Ground truth (CSV); none = no file", value="none", style="open", required=false, persistKey="deepstorm.train.simulation_ground_truth") simulation_ground_truth
#@ File (label="From model", description="Model folder to start from (NAME/last.npz: its last weights instead of its best), or none to start from random weights; auto = general, the model included with Deep-STORM (native only)", value="auto", style="directory", required=false, persistKey="deepstorm.train.from_model") from_model
#@ Boolean (label="Resume", description="Continue an interrupted training with the same settings and output", value="false", persist=false) resume
#@ File (label="Camera maps", description="sCMOS calibration (TIFF): offset (ADU), gain (photon/ADU) and variance (ADU^2) of each pixel; none = no file", value="none", style="open", required=false, persistKey="deepstorm.train.camera_maps") camera_maps
#@ File (label="Movie", description="The movie that the simulation is matched to (TIFF); the report shows its frames beside simulated ones; none = no file", value="none", style="open", required=false, persistKey="deepstorm.train.movie") movie
#@ Boolean (label="Trust camera", description="Go on although the noise of the frames contradicts the camera", value="false", persistKey="deepstorm.train.trust_camera") trust_camera
#@ File (label="Save training set", description="Name without extension: write some training patches (.tif), their emitters (.csv) and a picture (.png) before training; none = no file", value="none", style="save", required=false, persist=false) save_training_set
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera", value="current", style="open", required=false, persist=false) camera
#@ Double (label="PSF sigma (nm)", description="Standard deviation of the PSF; about 0.21 x wavelength / NA (20 to 2000)", min="20", max="2000", value="130", style="format:0.######", stepSize="10", persistKey="deepstorm.train.sigma_nm") sigma_nm
#@ Double (label="PSF sigma std (nm)", description="Standard deviation of the PSF sigma between emitters (0 to 500)", min="0", max="500", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.train.sigma_std_nm") sigma_std_nm
#@ Double (label="Density (per um^2)", description="Emitters per um^2 and frame (more than 0, at most 100)", min="0", max="100", value="2", style="format:0.######", stepSize="0.1", persistKey="deepstorm.train.density_per_um2") density_per_um2
#@ Double (label="Intensity (photon)", description="Mean photons of an emitter in one frame (more than 0, at most 1000000)", min="0", max="1000000", value="1500", style="format:0.######", stepSize="100", persistKey="deepstorm.train.intensity_photon") intensity_photon
#@ Double (label="Intensity std (photon)", description="Standard deviation of the photons between emitters (0 to 1000000)", min="0", max="1000000", value="300", style="format:0.######", stepSize="10", persistKey="deepstorm.train.intensity_std_photon") intensity_std_photon
#@ String (label="Structure", description="Where emitters lie: uniform, filaments, clusters, mixed (all three), or the name of a mask image", value="uniform", persistKey="deepstorm.train.structure") structure
#@ Double (label="Background (photon)", description="Mean photons per pixel without emitters (0 to 100000)", min="0", max="100000", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.train.background_photon") background_photon
#@ Double (label="Background std (photon)", description="Standard deviation of the background between frames (0 to 100000)", min="0", max="100000", value="0", style="format:0.######", stepSize="0.1", persistKey="deepstorm.train.background_std_photon") background_std_photon
#@ String (label="Network", description="native (U-Net on camera pixels) or classic (the published Deep-STORM network)", value="native", choices={"native", "classic"}, persistKey="deepstorm.train.network") network
#@ Integer (label="Upsampling", description="Super-resolution pixels per camera pixel, along each axis; native takes any number, classic must be trained for it (1 to 64)", min="1", max="64", value="8", persistKey="deepstorm.train.upsampling") upsampling
#@ Double (label="Minutes", description="Time budget; the learning-rate schedule ends with it (more than 0, at most 100000)", min="0", max="100000", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.train.minutes") minutes
#@ String (label="Steps", description="Exact number of training steps, to repeat a run; auto = what fits into the time budget (1 to 10000000)", value="auto", persistKey="deepstorm.train.steps") steps
#@ Integer (label="Seed", description="Random seed: the same seed gives the same training data and initial weights (0 to 2147483647)", min="0", max="2147483647", value="1", persistKey="deepstorm.train.seed") seed
#@ String (label="Device", description="auto (a GPU if there is one), cpu or gpu:N (doctor lists them)", value="auto", persistKey="deepstorm.train.device") device
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
        ui.showDialog(status, "Train Model")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("train", globals()))
