"""File names in a model folder."""

CARD_FILE = "model.toml"
WEIGHTS_FILE = "weights.npz"
LAST_FILE = "last.npz"
PSF_FILE = "psf.toml"
HISTORY_FILE = "history.csv"
