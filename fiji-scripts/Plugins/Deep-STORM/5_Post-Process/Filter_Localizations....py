#!Python
#@script(language="Python (pyimagej)")
# Keep the localizations that meet a formula or lie within ranges.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV; or of Picasso, SMAP, DECODE and others); current = the active one", value="current", style="open", required=false, persist=false) table
#@ String (label="Formula", description="Condition in ThunderSTORM's syntax, such as confidence > 0.5 & uncertainty_xy < 20; none = only the ranges below", value="none", persistKey="deepstorm.filter.formula") formula
#@ String (label="Confidence", description="Confidences to keep, as MIN:MAX; all = no limit", value="all", persistKey="deepstorm.filter.confidence") confidence
#@ String (label="Uncertainty (nm)", description="Uncertainties to keep, as MIN:MAX; all = no limit", value="all", persistKey="deepstorm.filter.uncertainty_nm") uncertainty_nm
#@ String (label="Photons", description="Photons to keep, as MIN:MAX; all = no limit", value="all", persistKey="deepstorm.filter.intensity_photon") intensity_photon
#@ String (label="PSF sigma (nm)", description="PSF sigmas to keep, as MIN:MAX; all = no limit", value="all", persistKey="deepstorm.filter.sigma_nm") sigma_nm
#@ String (label="Frames", description="Frames to keep, counted from 1, as FIRST:LAST; all = no limit", value="all", persist=false) frames
#@ File (label="Save as", description="Table to write (CSV); none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera, x_nm, y_nm, z_nm, uncertainty_z_nm, min_neighbours, neighbour_radius_nm, dimensions, config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Filter Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("filter", globals()))
