#!Python
#@script(language="Python (pyimagej)")
# Draw a localization table as an image.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV); current = the one in front", value="current", style="open", required=false, persist=false) table
#@ File (label="Output", description="The image to write: .tif with its scale in um, or .png to look at; none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup, none = not given; only for tables in px or ADU", value="none", style="open", required=false, persist=false) camera
#@ String (label="Method", description="Histogram (one count per localization), gaussian (each as wide as its uncertainty) or shifted-histogram (mean of histograms shifted by whole pixels)", value="gaussian", choices={"histogram", "gaussian", "shifted-histogram"}, persistKey="deepstorm.render.method") method
#@ Double (label="Pixel size (nm)", description="Pixel size of the image (more than 0, at most 10000)", min="0", max="10000", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.render.pixel_size_nm") pixel_size_nm
#@ String (label="Sigma (nm)", description="Same width for every localization; auto = its own uncertainty (more than 0, at most 10000)", value="auto", persistKey="deepstorm.render.sigma_nm") sigma_nm
#@ Integer (label="Shifts (px)", description="Pixels along a bin of the shifted-histogram (1 to 64)", min="1", max="64", value="4", persistKey="deepstorm.render.shifts") shifts
#@ String (label="Field (nm)", description="Width and height of the image; auto = up to the farthest localization", value="auto", persistKey="deepstorm.render.field_nm") field_nm
#@ String (label="Colour", description="What the hue of a pixel tells; its brightness is the number of localizations", value="grey", choices={"grey", "frame", "density", "confidence"}, persistKey="deepstorm.render.colour") colour
#@ Double (label="Density sigma (nm)", description="Standard deviation of the Gaussian by which neighbours count for colour density (more than 0, at most 100000)", min="0", max="100000", value="50", style="format:0.######", stepSize="1", persistKey="deepstorm.render.density_sigma_nm") density_sigma_nm
#@ String (label="Depth", description="Numbers in a TIFF: localizations per pixel, or scaled to 16 bits; colours have 3 x 8", value="float32", choices={"float32", "uint16"}, persistKey="deepstorm.render.depth") depth
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
        ui.showDialog(status, "Render Localizations")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("render", globals()))
