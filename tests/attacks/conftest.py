from tests.accounts.directory.conftest import make, running_slapd, server
from tests.accounts.links.conftest import post, worker
from tests.accounts.mfa.conftest import here
from tests.accounts.providers.conftest import corp, there

__all__ = ["corp", "here", "make", "post", "running_slapd", "server", "there", "worker"]
