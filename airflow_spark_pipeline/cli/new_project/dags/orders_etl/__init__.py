"""The components of orders.conf."""

from orders_etl.extract import ExtractOrders
from orders_etl.load import LoadOrders

__all__ = ["ExtractOrders", "LoadOrders"]
