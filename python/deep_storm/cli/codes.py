"""Exit codes: what the user can mend, our own mistake, stopped by Ctrl-C, nobody reads us."""

USER, OURS, STOPPED, BROKEN_PIPE = 2, 1, 130, 141
