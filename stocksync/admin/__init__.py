"""Pages of stock synchronisation in the back office."""
