#!Python
#@script(language="Python (pyimagej)")
# Train a network on a simulation that looks like your frames.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ String (label="Simulation matched to", description="Where PSF, emitters and background come from", value="fields of this dialog", choices={"fields of this dialog", "settings file", "imported simulation", "start model"}, persistKey="deepstorm.train.matched_to") matched_to
#@ File (label="Output", description="Model folder to write; none = asked for after OK", value="none", style="directory", required=false, persist=false) output
#@ File (label="Simulation stack", description="Stack (TIFF); none = no file", value="none", style="open", required=false, persistKey="deepstorm.train.simulation_stack") simulation_stack
#@ File (label="Simulation ground truth", description="Ground truth (CSV); none = no file", value="none", style="open", required=false, persistKey="deepstorm.train.simulation_ground_truth") simulation_ground_truth
#@ File (label="From model", description="Model folder to start from (NAME/last.npz: its last weights, not its best), or none; auto = general, the bundled model (native only)", value="auto", style="directory", required=false, persistKey="deepstorm.train.from_model") from_model
#@ Boolean (label="Resume", description="Go on where an interrupted training with the same settings and output was", value="false", persist=false) resume
#@ File (label="Camera maps", description="Maps of an sCMOS camera (TIFF): offset (ADU), gain (photon/ADU), variance (ADU^2); none = no file", value="none", style="open", required=false, persistKey="deepstorm.train.camera_maps") camera_maps
#@ File (label="Movie", description="The movie that the simulation is matched to (TIFF); the report shows its frames beside simulated ones; none = no file", value="none", style="open", required=false, persistKey="deepstorm.train.movie") movie
#@ File (label="Save training set", description="Name without ending: before training, write the first patches (.tif), their emitters (.csv) and a picture of some (.png); none = no file", value="none", style="save", required=false, persist=false) save_training_set
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup, none = not given", value="current", style="open", required=false, persist=false) camera
#@ Double (label="PSF sigma (nm)", description="Standard deviation of the PSF; 0.21 x wavelength / NA is a good start (20 to 2000)", min="20", max="2000", value="130", style="format:0.######", stepSize="10", persistKey="deepstorm.train.sigma_nm") sigma_nm
#@ Double (label="PSF sigma std (nm)", description="Spread of the PSF sigma from emitter to emitter (0 to 500)", min="0", max="500", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.train.sigma_std_nm") sigma_std_nm
#@ Double (label="Density (per um^2)", description="Emitters per um^2 per frame (more than 0, at most 100)", min="0", max="100", value="2", style="format:0.######", stepSize="0.1", persistKey="deepstorm.train.density_per_um2") density_per_um2
#@ Double (label="Intensity (photon)", description="Mean photons of an emitter in one frame (more than 0, at most 1000000)", min="0", max="1000000", value="1500", style="format:0.######", stepSize="100", persistKey="deepstorm.train.intensity_photon") intensity_photon
#@ Double (label="Intensity std (photon)", description="Spread of the photons from emitter to emitter (0 to 1000000)", min="0", max="1000000", value="300", style="format:0.######", stepSize="10", persistKey="deepstorm.train.intensity_std_photon") intensity_std_photon
#@ String (label="Structure", description="Where emitters are: uniform, filaments, clusters, mixed (all three), or a mask image", value="uniform", persistKey="deepstorm.train.structure") structure
#@ Double (label="Background (photon)", description="Mean photons per pixel without emitters (0 to 100000)", min="0", max="100000", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.train.background_photon") background_photon
#@ Double (label="Background std (photon)", description="Spread of the background from frame to frame (0 to 100000)", min="0", max="100000", value="0", style="format:0.######", stepSize="0.1", persistKey="deepstorm.train.background_std_photon") background_std_photon
#@ String (label="Network", description="Native (U-Net on the camera grid) or classic (the published Deep-STORM network)", value="native", choices={"native", "classic"}, persistKey="deepstorm.train.network") network
#@ Integer (label="Upsampling", description="Super-resolution pixels along one camera pixel; native takes any whole number, classic is trained for it (1 to 64)", min="1", max="64", value="8", persistKey="deepstorm.train.upsampling") upsampling
#@ Double (label="Minutes", description="Time budget; the schedule is laid out to end within it (more than 0, at most 100000)", min="0", max="100000", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.train.minutes") minutes
#@ String (label="Steps", description="Exact number of training steps, instead of what fits into the minutes (to repeat a run) (1 to 10000000); auto = decide for yourself", value="auto", persistKey="deepstorm.train.steps") steps
#@ Integer (label="Seed", description="Same seed, same training data and weights (0 to 2147483647)", min="0", max="2147483647", value="1", persistKey="deepstorm.train.seed") seed
#@ String (label="Device", description="Auto, cpu or gpu:N (as doctor lists them); auto = decide for yourself", value="auto", persistKey="deepstorm.train.device") device
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
        ui.showDialog(status, "Train Model")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("train", globals()))
