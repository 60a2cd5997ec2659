"""Small real HTTP servers that stand in for the partners, for the demo and the tests. `python -m tests.partners` starts them."""
