"""What holds for every test: few threads, no windows, no talk from TensorFlow."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A test may import Keras before Deep-STORM, which sets this, gets to it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
