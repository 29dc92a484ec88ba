"""The verbs of Deep-STORM, one a module; how one is made: :mod:`deep_storm.interface.verb`."""
