from tests.partners.fixtures import delivery, order_system

__all__ = ["delivery", "order_system"]
