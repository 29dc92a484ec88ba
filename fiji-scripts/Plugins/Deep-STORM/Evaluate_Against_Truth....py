#!Python
#@script(language="Python (pyimagej)")
# Compare a localization table with the truth.
# Written by python -m deep_storm.fiji.headers; changes here are lost.
#@ File (label="Results", description="Localization table (CSV); current = the one in front", value="current", style="open", required=false, persist=false) results
#@ File (label="Truth", description="Ground truth (CSV); none = no file", value="none", style="open", required=false, persistKey="deepstorm.evaluate.truth") truth
#@ String (label="Tolerance (nm)", description="Largest distance of a match", value="100 250", persistKey="deepstorm.evaluate.tolerance_nm") tolerance_nm
#@ Double (label="Border (nm)", description="Width of the border that is left out on all sides (0 to 1000000)", min="0", max="1000000", value="0", style="format:0.######", stepSize="0.1", persistKey="deepstorm.evaluate.border_nm") border_nm
#@ String (label="Frames", description="Frames to use, 1-based and inclusive, as FIRST:LAST; auto = those of both tables", value="auto", persist=false) frames
#@ File (label="Settings file", description="TOML file with what this dialog does not have or calls auto; none = no file", value="none", style="open", required=false, persist=false) config
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
    status = ("error: deep_storm cannot be imported in Fiji's Python (%s): build the environment "
              "of Deep-STORM's environment.yml in Edit > Options > Python..." % missing)
    if not ui.isHeadless():
        ui.showDialog(status, "Evaluate Against Truth")
else:
    globals().update(run("evaluate", globals()))
