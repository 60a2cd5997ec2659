from django.contrib.admin.apps import AdminConfig


class WarehouseAdminConfig(AdminConfig):
    """Django's admin with our site: roles at the door and a policy for its scripts."""

    default_site = "warehouse.core.admin.WarehouseAdminSite"
