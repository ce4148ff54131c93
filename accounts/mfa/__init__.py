"""Second factors beyond the authenticator app: passkeys and recovery codes, and the pages for all of them."""
