"""The aberrations of a roughly known pupil, fitted to a movie of molecules at unknown depths."""
