from accounts.services import actor_for
from temps.lib.actor import Actor, Credential, CredentialKind
def actor_of_session(request):
    user = request.user
    if not user.is_authenticated:
        return Actor.anonymous(address=request.client_address, request_id=request.request_id)
    return actor_for(user, Credential(CredentialKind.SESSION), address=request.client_address, request_id=request.request_id)
