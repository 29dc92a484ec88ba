#!Python
#@script(language="Python (pyimagej)")
# Draw a localization table as an image.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table", description="Localization table (CSV); current = the active one", value="current", style="open", required=false, persist=false) table
#@ String (label="Method", description="histogram (counts per pixel), gaussian (each localization as wide as its uncertainty) or shifted-histogram (average of shifted histograms)", value="gaussian", choices={"histogram", "gaussian", "shifted-histogram"}, persistKey="deepstorm.render.method") method
#@ Double (label="Pixel size of the image (nm)", description="Pixel size of the image (more than 0, at most 10000)", min="0", max="10000", value="10", style="format:0.######", stepSize="1", persistKey="deepstorm.render.pixel_size_nm") pixel_size_nm
#@ String (label="Width of a localization (nm)", description="The same width for all localizations; auto = their uncertainties (more than 0, at most 10000)", value="auto", persistKey="deepstorm.render.sigma_nm") sigma_nm
#@ String (label="Colour shows", description="What the colour of a pixel encodes; its brightness always is the number of localizations", value="grey", choices={"grey", "z", "frame", "density", "confidence"}, persistKey="deepstorm.render.colour") colour
#@ String (label="View", description="Direction of view: xy (from above), or from the side (xz, yz; z upwards), which needs depths. From the side, corner_nm is where the upper left corner lies along both axes", value="xy", choices={"xy", "xz", "yz"}, persistKey="deepstorm.render.view") view
#@ String (label="Slices along z (nm)", description="Thickness of slices along z: the image becomes a stack, a slice for each; auto = one image (more than 0, at most 100000)", value="auto", persistKey="deepstorm.render.slice_nm") slice_nm
#@ File (label="Save as", description="Image to write: .tif (with scale) or .png (with scale bar); none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera, shifts, field_nm, corner_nm, density_sigma_nm, depth, config, overwrite", value="none", persist=false) more
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
