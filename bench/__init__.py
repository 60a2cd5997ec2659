"""What `manage.py bench` runs: the operations beside the floor, the same writes as one PL/pgSQL function on the same tables of the same server."""
