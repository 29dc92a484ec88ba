"""Exit codes: user error, internal error, stopped by Ctrl-C, closed pipe."""

USER, OURS, STOPPED, BROKEN_PIPE = 2, 1, 130, 141
