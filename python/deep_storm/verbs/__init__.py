"""The verbs of Deep-STORM, one per module; how one is made: :mod:`deep_storm.interface.verb`."""
