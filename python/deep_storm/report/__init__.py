"""Figures for people to look at; the only place where matplotlib is used."""
