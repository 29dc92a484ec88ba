"""Movies of other programs that are no TIFFs.

============  =====================================================================================
``plain``     Picasso's ``.raw`` and ``.dax``: pixels with a text beside them
``ome_zarr``  OME-Zarr, a folder ``.zarr`` (zarr)
``ndtiff``    NDTiff of Micro-Manager, a folder with ``NDTiff.index`` (ndstorage)
``czi``       ZEISS ``.czi`` (pylibCZIrw)
``opening``   which of them a path needs
``library``   what they have in common
============  =====================================================================================

Libraries in brackets come with ``deep-storm[formats]`` and are imported when they are needed.
"""
