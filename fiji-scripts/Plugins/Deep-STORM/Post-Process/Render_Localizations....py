#!Python
#@script(language="Python (pyimagej)")
# Draw a localization table as an image.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV); current = the active one", value="current", style="open", required=false, persist=false) table
#@ File (label="Output", description="Image to write: .tif (with scale) or .png (with scale bar); none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera; only for tables in px or ADU", value="none", style="open", required=false, persist=false) camera
#@ String (label="Method", description="histogram (counts per pixel), gaussian (each localization as wide as its uncertainty) or shifted-histogram (average of shifted histograms)", value="gaussian", choices={"histogram", "gaussian", "shifted-histogram"}, persistKey="deepstorm.render.method") method
#@ Double (label="Pixel size (nm)", description="Pixel size of the image (more than 0, at most 10000)", min="0", max="10000", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.render.pixel_size_nm") pixel_size_nm
#@ String (label="Sigma (nm)", description="The same width for all localizations; auto = their uncertainties (more than 0, at most 10000)", value="auto", persistKey="deepstorm.render.sigma_nm") sigma_nm
#@ Integer (label="Shifts (px)", description="Shifted-histogram: size of a bin, and number of shifts along each axis (1 to 64)", min="1", max="64", value="4", persistKey="deepstorm.render.shifts") shifts
#@ String (label="Field (nm)", description="Width and height of the image; auto = up to the outermost localization", value="auto", persistKey="deepstorm.render.field_nm") field_nm
#@ String (label="Colour", description="What the colour of a pixel encodes; its brightness always is the number of localizations", value="grey", choices={"grey", "frame", "density", "confidence"}, persistKey="deepstorm.render.colour") colour
#@ Double (label="Density sigma (nm)", description="Colour density: standard deviation of the Gaussian used to measure local density (more than 0, at most 100000)", min="0", max="100000", value="50", style="format:0.######", stepSize="1", persistKey="deepstorm.render.density_sigma_nm") density_sigma_nm
#@ String (label="Depth", description="Pixel type of a grey TIFF: float32 (localizations per pixel) or uint16 (scaled); colour images have 8 bits per channel", value="float32", choices={"float32", "uint16"}, persistKey="deepstorm.render.depth") depth
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
        ui.showDialog(status, "Render Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("render", globals()))
