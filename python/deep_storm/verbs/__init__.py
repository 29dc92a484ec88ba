"""The verbs of Deep-STORM, one a module; :mod:`deep_storm.verbs.registry` tells how one is made."""
