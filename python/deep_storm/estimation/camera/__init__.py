"""Camera properties: baseline and noise, from dark frames or dark parts of a movie."""
