from tests.partners.fixtures import delivery

__all__ = ["delivery"]
