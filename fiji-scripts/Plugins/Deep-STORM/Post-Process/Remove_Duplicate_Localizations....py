#!Python
#@script(language="Python (pyimagej)")
# Remove the worse of localizations that lie close together in a frame.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV); current = the one in front", value="current", style="open", required=false, persist=false) table
#@ File (label="Output", description="The table to write (CSV); none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup, none = not given", value="none", style="open", required=false, persist=false) camera
#@ String (label="Distance", description="A worse localization closer than this (nm) is removed: a number, or a formula for each row (ThunderSTORM: distformula)", value="uncertainty_xy", persistKey="deepstorm.remove-duplicates.distance") distance
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
        ui.showDialog(status, "Remove Duplicate Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("remove-duplicates", globals()))
