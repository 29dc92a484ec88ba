#!Python
#@script(language="Python (pyimagej)")
# Compare a localization table or an image with the truth, or with a wide-field image.
# Written by python -m deep_storm.fiji.menu.headers; changes here are lost.
#@ File (label="Results", description="Localization table (CSV); current = the active one", value="current", style="open", required=false, persist=false) results
#@ File (label="Truth", description="Ground truth (CSV); none = no file", value="none", style="open", required=false, persistKey="deepstorm.evaluate.truth") truth
#@ File (label="Reconstruction", description="Super-resolution image (TIFF); without it, the table is drawn; none = no file", value="none", style="open", required=false, persistKey="deepstorm.evaluate.reconstruction") reconstruction
#@ File (label="True image", description="True image (TIFF) of the same field as the reconstruction; none = no file", value="none", style="open", required=false, persistKey="deepstorm.evaluate.true_image") true_image
#@ File (label="Wide field", description="Wide-field image (TIFF); a stack is averaged; none = no file", value="none", style="open", required=false, persistKey="deepstorm.evaluate.wide_field") wide_field
#@ File (label="Output", description="Name without extension for SSIM and error maps (.tif), FRC curve (.csv) and a picture (.png); none = no file", value="none", style="save", required=false, persist=false) output
#@ File (label="Camera", description="Camera file (TOML); current = as entered in Camera Setup; none = no camera; only for tables in px or ADU", value="none", style="open", required=false, persist=false) camera
#@ String (label="Tolerance (nm)", description="Maximum distance of a localization from its emitter; several give a score each", value="100 250", persistKey="deepstorm.evaluate.tolerance_nm") tolerance_nm
#@ Double (label="Border (nm)", description="Border to be ignored on all sides (0 to 1000000)", min="0", max="1000000", value="0", style="format:0.######", stepSize="0.1", persistKey="deepstorm.evaluate.border_nm") border_nm
#@ String (label="Frames", description="Frames to use, counted from 1, as FIRST:LAST; auto = those of both tables", value="auto", persist=false) frames
#@ Integer (label="FRC blocks", description="Fourier ring correlation: blocks of frames that alternate between the two images (2 to 100000)", min="2", max="100000", value="20", persistKey="deepstorm.evaluate.frc_blocks") frc_blocks
#@ String (label="FRC pixel size (nm)", description="Fourier ring correlation: pixel size; auto = 5 nm, or larger for images of more than 4096 px (more than 0, at most 1000)", value="auto", persistKey="deepstorm.evaluate.frc_pixel_size_nm") frc_pixel_size_nm
#@ String (label="Camera pixel size (nm)", description="Pixel size of the wide-field image; auto = from its file (more than 0, at most 10000)", value="auto", persistKey="deepstorm.evaluate.camera_pixel_size_nm") camera_pixel_size_nm
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
        ui.showDialog(status, "Evaluate Against Truth")
        status = None  # Fiji opens a window for each text output
else:
    globals().update(run("evaluate", globals()))
