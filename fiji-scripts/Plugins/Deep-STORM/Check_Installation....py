#!Python
#@script(language="Python (pyimagej)")
# Show what this machine has and what Deep-STORM can use of it.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
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
        ui.showDialog(status, "Check Installation")
else:
    globals().update(run("doctor", globals()))
