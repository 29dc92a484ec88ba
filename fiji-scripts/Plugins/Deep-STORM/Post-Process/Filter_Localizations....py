#!Python
#@script(language="Python (pyimagej)")
# Keep the localizations that meet a formula or lie within ranges.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV; or of Picasso, SMAP, DECODE and others); current = the active one", value="current", style="open", required=false, persist=false) table
#@ String (label="Formula", description="Condition in ThunderSTORM's syntax, such as confidence > 0.5 & uncertainty_xy < 20; auto = only the ranges below", value="auto", persistKey="deepstorm.filter.formula") formula
#@ File (label="Output", description="Table to write (CSV); none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera", value="none", style="open", required=false, persist=false) camera
#@ String (label="Confidence", description="Confidences to keep, as MIN:MAX; auto = all", value="auto", persistKey="deepstorm.filter.confidence") confidence
#@ String (label="Uncertainty (nm)", description="Uncertainties to keep, as MIN:MAX; auto = all", value="auto", persistKey="deepstorm.filter.uncertainty_nm") uncertainty_nm
#@ String (label="Intensity (photon)", description="Photons to keep, as MIN:MAX; auto = all", value="auto", persistKey="deepstorm.filter.intensity_photon") intensity_photon
#@ String (label="Sigma (nm)", description="PSF sigmas to keep, as MIN:MAX; auto = all", value="auto", persistKey="deepstorm.filter.sigma_nm") sigma_nm
#@ String (label="X (nm)", description="x positions to keep, as MIN:MAX; auto = all", value="auto", persistKey="deepstorm.filter.x_nm") x_nm
#@ String (label="Y (nm)", description="y positions to keep, as MIN:MAX; auto = all", value="auto", persistKey="deepstorm.filter.y_nm") y_nm
#@ String (label="Frames", description="Frames to keep, counted from 1, as FIRST:LAST; auto = all", value="auto", persist=false) frames
#@ Integer (label="Min neighbours", description="Minimum number of other localizations within the radius, in any frame; 0: not checked (0 to 1000000)", min="0", max="1000000", value="0", persistKey="deepstorm.filter.min_neighbours") min_neighbours
#@ Double (label="Neighbour radius (nm)", description="Radius in which neighbours are counted (more than 0, at most 100000)", min="0", max="100000", value="50", style="format:0.######", stepSize="1", persistKey="deepstorm.filter.neighbour_radius_nm") neighbour_radius_nm
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
        ui.showDialog(status, "Filter Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("filter", globals()))
