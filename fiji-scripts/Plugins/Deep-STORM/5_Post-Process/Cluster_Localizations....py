#!Python
#@script(language="Python (pyimagej)")
# Find clusters of localizations, and compare them with random points.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV; or of Picasso, SMAP, DECODE and others); current = the active one", value="current", style="open", required=false, persist=false) table
#@ String (label="Method", description="dbscan (one density for all clusters) or hdbscan (clusters of different density; ignores the radius)", value="dbscan", choices={"dbscan", "hdbscan"}, persistKey="deepstorm.cluster.method") method
#@ Double (label="Distance (nm)", description="dbscan: radius in which neighbours are counted (epsilon) (more than 0, at most 100000)", min="0", max="100000", value="30", style="format:0.######", stepSize="1", persistKey="deepstorm.cluster.distance_nm") distance_nm
#@ Integer (label="Localizations in a cluster, minimum", description="dbscan: localizations within the radius, itself included, that make a core point; hdbscan: size of the smallest cluster (2 to 10000000)", min="2", max="10000000", value="10", persistKey="deepstorm.cluster.min_count") min_count
#@ File (label="Save as", description="Table with cluster numbers to write (NAME.csv), with NAME-summary.csv, NAME-pattern.csv and NAME.png beside it; none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera, dimensions, reach_nm, simulations, seed, config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Cluster Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("cluster", globals()))
