from tests.accounts.providers.conftest import corp, there

__all__ = ["corp", "there"]
