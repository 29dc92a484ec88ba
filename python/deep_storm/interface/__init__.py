"""How verbs are declared, and how their settings are found."""
