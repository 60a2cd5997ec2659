"""What `manage.py bench` runs: the operations beside the floor, the same writes as one PL/pgSQL function on the same tables of the same server.

What has no such floor says on stderr what stands in its place, or why nothing does. `ledger` writes the data that the cases from `pick` on grow with.
"""
