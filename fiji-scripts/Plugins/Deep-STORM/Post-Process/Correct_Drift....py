#!Python
#@script(language="Python (pyimagej)")
# Measure the drift of the sample and take it off a localization table.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV); current = the one in front", value="current", style="open", required=false, persist=false) table
#@ File (label="Output", description="The table to write (CSV); the drift goes beside it (JSON and PNG); none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Drift file", description="Drift to take off, as ThunderSTORM or this command saved it (JSON); none = no file", value="none", style="open", required=false, persistKey="deepstorm.correct-drift.drift_file") drift_file
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup, none = not given", value="none", style="open", required=false, persist=false) camera
#@ String (label="Method", description="Correlation: of the structures in all pairs of time bins; markers: fiducial markers that are seen in nearly all frames; comet: by the package comet-smlm, where it is installed", value="correlation", choices={"correlation", "markers", "comet"}, persistKey="deepstorm.correct-drift.method") method
#@ String (label="Bins", description="Time bins for correlation and comet; auto = from the number of localizations, 30 at most (comet: 100) (5 to 200)", value="auto", persistKey="deepstorm.correct-drift.bins") bins
#@ Double (label="Max drift (nm)", description="Largest drift between any two times (10 to 100000)", min="10", max="100000", value="1000", style="format:0.######", stepSize="100", persistKey="deepstorm.correct-drift.max_drift_nm") max_drift_nm
#@ String (label="Blur (nm)", description="Standard deviation by which images are blurred before they are correlated (comet: its narrowest kernel); auto = 1.5 times the median uncertainty, or 20 without uncertainties (more than 0, at most 1000)", value="auto", persistKey="deepstorm.correct-drift.blur_nm") blur_nm
#@ Double (label="Marker share", description="Share of the frames in which a marker is seen at least (more than 0, at most 1)", min="0", max="1", value="0.8", style="format:0.######", stepSize="0.1", persistKey="deepstorm.correct-drift.marker_share") marker_share
#@ Double (label="Marker reach (nm)", description="How far a marker may move from frame to frame (more than 0, at most 10000)", min="0", max="10000", value="60", style="format:0.######", stepSize="1", persistKey="deepstorm.correct-drift.marker_reach_nm") marker_reach_nm
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
        ui.showDialog(status, "Correct Drift")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("correct-drift", globals()))
