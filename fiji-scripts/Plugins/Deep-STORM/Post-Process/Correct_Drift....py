#!Python
#@script(language="Python (pyimagej)")
# Measure the drift of the sample and correct a localization table for it.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV; or of Picasso, SMAP, DECODE and others); current = the active one", value="current", style="open", required=false, persist=false) table
#@ File (label="Output", description="Table to write (CSV), with the drift (JSON and PNG) beside it; none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Drift file", description="Drift to correct for, as saved by ThunderSTORM or by this command (JSON); none = no file", value="none", style="open", required=false, persistKey="deepstorm.correct-drift.drift_file") drift_file
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera", value="none", style="open", required=false, persist=false) camera
#@ String (label="Method", description="correlation: cross-correlation of all pairs of time bins; markers: fiducial markers; comet: the package comet-smlm, if it is installed", value="correlation", choices={"correlation", "markers", "comet"}, persistKey="deepstorm.correct-drift.method") method
#@ String (label="Bins", description="Number of time bins (correlation, comet); auto = depends on the number of localizations, at most 30 (comet: 100) (5 to 200)", value="auto", persistKey="deepstorm.correct-drift.bins") bins
#@ Double (label="Max drift (nm)", description="Maximum drift between any two times (10 to 100000)", min="10", max="100000", value="1000", style="format:0.######", stepSize="100", persistKey="deepstorm.correct-drift.max_drift_nm") max_drift_nm
#@ String (label="Blur (nm)", description="Standard deviation of the blur before correlation (comet: narrowest kernel); auto = 1.5 times the median uncertainty, or 20 nm without uncertainties (more than 0, at most 1000)", value="auto", persistKey="deepstorm.correct-drift.blur_nm") blur_nm
#@ Double (label="Marker share", description="Markers: minimum fraction of the frames in which a marker is seen (more than 0, at most 1)", min="0", max="1", value="0.8", style="format:0.######", stepSize="0.1", persistKey="deepstorm.correct-drift.marker_share") marker_share
#@ Double (label="Marker reach (nm)", description="Markers: maximum movement of a marker from frame to frame (more than 0, at most 10000)", min="0", max="10000", value="60", style="format:0.######", stepSize="1", persistKey="deepstorm.correct-drift.marker_reach_nm") marker_reach_nm
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
        ui.showDialog(status, "Correct Drift")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("correct-drift", globals()))
