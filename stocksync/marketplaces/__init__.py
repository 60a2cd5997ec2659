"""Marketplaces over HTTP: one package for each, all behind the interface of `base`. They know no database."""
