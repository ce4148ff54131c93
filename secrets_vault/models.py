from secrets_vault.sealing.models import DataKey

__all__ = ["DataKey"]
