"""Calls to partners over HTTP: bounded, never repeated by themselves, with typed failures and a circuit breaker that all workers share. No model is known here."""
