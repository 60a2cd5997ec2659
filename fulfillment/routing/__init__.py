"""Walks through a warehouse of parallel aisles: pure functions of a layout and picks, without Django or a database."""
