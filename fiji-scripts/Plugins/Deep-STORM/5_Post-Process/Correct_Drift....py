#!Python
#@script(language="Python (pyimagej)")
# Measure the drift of the sample and correct a localization table for it.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV; or of Picasso, SMAP, DECODE and others); current = the active one", value="current", style="open", required=false, persist=false) table
#@ String (label="Method", description="correlation: cross-correlation of all pairs of time bins; markers: fiducial markers; comet: the package comet-smlm, if it is installed", value="correlation", choices={"correlation", "markers", "comet"}, persistKey="deepstorm.correct-drift.method") method
#@ String (label="Parts of the movie", description="Number of time bins (correlation, comet); auto = depends on the number of localizations, at most 30 (comet: 100) (5 to 200)", value="auto", persistKey="deepstorm.correct-drift.bins") bins
#@ File (label="Drift file", description="Drift to correct for, as saved by ThunderSTORM or by this command (JSON); none = no file", value="none", style="open", required=false, persistKey="deepstorm.correct-drift.drift_file") drift_file
#@ File (label="Save as", description="Table to write (CSV), with the drift (JSON and PNG) beside it; none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera, max_drift_nm, blur_nm, axial, marker_share, marker_reach_nm, config, overwrite", value="none", persist=false) more
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
