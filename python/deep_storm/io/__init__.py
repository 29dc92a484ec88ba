"""Files: stacks, tables, cameras, settings and images; outputs appear complete or not at all.

To read: ``stacks`` (frames), ``tables`` (localizations, protocols, drift), ``camera_files``,
``camera_maps``, ``psf_files``, ``config`` (settings), ``model_folder``. What a file of a stranger
is, and what is thrown when it is damaged: ``sniff``, ``foreign``, ``arrays``.

To write: ``outputs`` names the results of a run, ``guard`` keeps its inputs from being replaced,
``files`` writes whole or not at all, ``claims`` holds work folders, ``marks`` says what is ours;
``images`` and, for very large ones, ``pyramid`` and ``mapped`` are the formats.
"""
