#!Python
#@script(language="Python (pyimagej)")
# Send a table to ThunderSTORM.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Table (CSV) to send; current = the active one, or else the last one written", value="current", style="open", required=false, persist=false) table
#@ String (label="ThunderSTORM version", description="dev (2016), or v1.3 with fewer columns", value="dev", choices={"dev", "v1.3"}, persistKey="deepstorm.send-to-thunderstorm.dialect") dialect
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
        ui.showDialog(status, "Send To ThunderSTORM")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("send-to-thunderstorm", globals()))
