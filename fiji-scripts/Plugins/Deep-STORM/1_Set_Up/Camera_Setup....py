#!Python
#@script(language="Python (pyimagej)")
# Enter the camera once, for all commands.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ String (label="Take values from", description="This dialog, the camera saved under the name below, ThunderSTORM's Camera setup, or the protocol of a results table", value="this dialog", choices={"this dialog", "saved camera", "ThunderSTORM", "protocol"}, persist=false) source
#@ Double (label="Pixel size (nm)", description="Size of a camera pixel in the sample plane (0.1 to 10000)", min="0.1", max="10000", value="100", style="format:0.######", stepSize="10", persistKey="deepstorm.camera-setup.pixel_size_nm") pixel_size_nm
#@ Double (label="Baseline (ADU)", description="Pixel value without any light (camera offset) (-1000000 to 1000000)", min="-1000000", max="1000000", value="100", style="format:0.######", stepSize="10", persistKey="deepstorm.camera-setup.baseline_adu") baseline_adu
#@ Double (label="Photons per ADU", description="Photoelectrons per A/D count, before EM gain (ThunderSTORM: photons2ADU) (more than 0, at most 100000)", min="0", max="100000", value="1", style="format:0.######", stepSize="0.1", persistKey="deepstorm.camera-setup.photons_per_adu") photons_per_adu
#@ Double (label="EM gain (1 = no EM gain)", description="Electron-multiplying gain; 1 = a camera without it, or with it turned off", min="1", max="100000", value="1", style="format:0.######", stepSize="0.1", persistKey="deepstorm.camera-setup.em_gain") em_gain
#@ Double (label="Read noise (ADU)", description="Read noise: standard deviation of a pixel without light (0 to 100000)", min="0", max="100000", value="0", style="format:0.######", stepSize="0.1", persistKey="deepstorm.camera-setup.read_noise_adu") read_noise_adu
#@ Double (label="Quantum efficiency", description="Photoelectrons per photon (more than 0, at most 1)", min="0", max="1", value="1", style="slider,format:0.######", stepSize="0.05", persistKey="deepstorm.camera-setup.quantum_efficiency") quantum_efficiency
#@ String (label="Save under the name", description="Keep this camera under a name too: any field 'Camera' takes it, and so does 'Take values from'; none = no name", value="none", persist=false) name
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: protocol, response_std, output", value="none", persist=false) more
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
        ui.showDialog(status, "Camera Setup")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("camera-setup", globals()))
