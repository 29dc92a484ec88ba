#!Python
#@script(language="Python (pyimagej)")
# Compare a localization table or an image with the truth, or with a wide-field image.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Table to judge", description="Localization table (CSV); current = the active one", value="current", style="open", required=false, persist=false) results
#@ File (label="Ground truth", description="Ground truth (CSV); none = no file", value="none", style="open", required=false, persistKey="deepstorm.evaluate.truth") truth
#@ String (label="Maximum distances (nm)", description="Maximum distance of a localization from its emitter; give several for a score each", value="100 250", persistKey="deepstorm.evaluate.tolerance_nm") tolerance_nm
#@ File (label="Image to judge", description="Super-resolution image (TIFF); without it, the table is drawn; none = no file", value="none", style="open", required=false, persistKey="deepstorm.evaluate.reconstruction") reconstruction
#@ File (label="True image", description="True image (TIFF) of the same field as the reconstruction; none = no file", value="none", style="open", required=false, persistKey="deepstorm.evaluate.true_image") true_image
#@ File (label="Wide-field image", description="Wide-field image (TIFF); a stack is averaged; none = no file", value="none", style="open", required=false, persistKey="deepstorm.evaluate.wide_field") wide_field
#@ File (label="Save as", description="Name without extension for SSIM and error maps (.tif), FRC curve (.csv) and a picture (.png); none = no file", value="none", style="save", required=false, persist=false) output
#@ String (label="More options", description="none, ask = a second dialog after OK, or NAME=VALUE pairs with blanks between: camera, axial_tolerance_nm, border_nm, frames, frc_blocks, frc_pixel_size_nm, camera_pixel_size_nm, config, overwrite", value="none", persist=false) more
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
        ui.showDialog(status, "Evaluate Against Truth")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("evaluate", globals()))
