#!Python
#@script(language="Python (pyimagej)")
# Merge the localizations of a molecule in consecutive frames.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV; or of Picasso, SMAP, DECODE and others); current = the active one", value="current", style="open", required=false, persist=false) table
#@ String (label="Maximum distance (nm)", description="Maximum distance of consecutive localizations of a molecule (ThunderSTORM: dist); auto = from their uncertainties (more than 0, at most 100000)", value="auto", persistKey="deepstorm.merge.distance_nm") distance_nm
#@ Integer (label="Frames a molecule may be off", description="Maximum number of dark frames in between (ThunderSTORM: offframes) (0 to 1000000)", min="0", max="1000000", value="1", persistKey="deepstorm.merge.gap_frames") gap_frames
#@ File (label="Save as", description="Table to write (CSV); none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera, frames_per_molecule, z_weight, merged_uncertainty, shared_frames, config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Merge Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("merge", globals()))
