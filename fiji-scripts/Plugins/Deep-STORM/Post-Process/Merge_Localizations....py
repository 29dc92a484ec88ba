#!Python
#@script(language="Python (pyimagej)")
# Merge the localizations of a molecule in consecutive frames.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV; or of Picasso, SMAP, DECODE and others); current = the active one", value="current", style="open", required=false, persist=false) table
#@ File (label="Output", description="Table to write (CSV); none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera", value="none", style="open", required=false, persist=false) camera
#@ String (label="Distance (nm)", description="Maximum distance of consecutive localizations of a molecule (ThunderSTORM: dist); auto = from their uncertainties (more than 0, at most 100000)", value="auto", persistKey="deepstorm.merge.distance_nm") distance_nm
#@ Integer (label="Gap frames", description="Maximum number of dark frames in between (ThunderSTORM: offframes) (0 to 1000000)", min="0", max="1000000", value="1", persistKey="deepstorm.merge.gap_frames") gap_frames
#@ Integer (label="Frames per molecule", description="Maximum number of frames of one molecule; 0: no limit (ThunderSTORM: framespermolecule) (0 to 1000000)", min="0", max="1000000", value="0", persistKey="deepstorm.merge.frames_per_molecule") frames_per_molecule
#@ String (label="Merged uncertainty", description="formula: uncertainty of a fit with all photons, as in ThunderSTORM (needs camera, sigma, intensity and bkgstd; without them as combined); combined: uncertainty of the mean position", value="formula", choices={"formula", "combined"}, persistKey="deepstorm.merge.merged_uncertainty") merged_uncertainty
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
        ui.showDialog(status, "Merge Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("merge", globals()))
