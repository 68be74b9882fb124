"""All tables; importing this package makes `Base.metadata` complete."""

from erp.models.base import Base
from erp.models.catalog import Customer, Product, SaleKind, WholesalePrice
from erp.models.field import Position
from erp.models.inventory import StockLevel, StockMovement, SyncRun
from erp.models.orders import Order, OrderLine, OrderStatus
from erp.models.outgoing import AuditEntry, DeliveryStatus, Message, Webhook, WebhookDelivery
from erp.models.users import ApiKey, RefreshToken, Role, User

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Base",
    "Customer",
    "DeliveryStatus",
    "Message",
    "Order",
    "OrderLine",
    "OrderStatus",
    "Position",
    "Product",
    "RefreshToken",
    "Role",
    "SaleKind",
    "StockLevel",
    "StockMovement",
    "SyncRun",
    "User",
    "Webhook",
    "WebhookDelivery",
    "WholesalePrice",
]
