"""A small ERP: products, customers, orders, inventory, field sales and the services around them."""

__version__ = "1.1.0"
