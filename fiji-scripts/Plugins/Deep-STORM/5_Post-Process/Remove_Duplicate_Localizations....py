#!Python
#@script(language="Python (pyimagej)")
# Remove molecules that were localized twice in a frame.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV; or of Picasso, SMAP, DECODE and others); current = the active one", value="current", style="open", required=false, persist=false) table
#@ String (label="Distance", description="Minimum distance of two localizations in a frame (nm): a number, or a formula for each row (ThunderSTORM: distformula); of two that are closer, the less certain one is removed", value="uncertainty_xy", persistKey="deepstorm.remove-duplicates.distance") distance
#@ File (label="Save as", description="Table to write (CSV); none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera, z_weight, config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Remove Duplicate Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("remove-duplicates", globals()))
