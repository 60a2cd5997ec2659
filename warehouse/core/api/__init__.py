"""What every endpoint of the REST API shares. It knows no app: calling an operation is `warehouse.outbox.http`."""
