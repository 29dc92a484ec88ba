#!Python
#@script(language="Python (pyimagej)")
# Open a localization table in a Results window.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ ImagePlus (label="Image", required=false, persist=false) image
#@ File (label="Table", description="Localization table (CSV; or of Picasso, SMAP, DECODE and others); none = asked for after OK", value="none", style="open", required=false, persistKey="deepstorm.import-localizations.table") table
#@ File (label="Camera", description="Camera file, only for tables in px or ADU; current = as entered in Camera Setup; ask = a list after OK", value="current", style="open", required=false, persist=false) camera
#@ Boolean (label="Draw over the image", description="Draw the localizations over the active image, if there is one", value="false", persistKey="deepstorm.import-localizations.overlay") overlay
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
        ui.showDialog(status, "Import Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("import-localizations", globals()))
