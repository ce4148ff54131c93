"""Signing in with an account elsewhere: GitHub, GitLab, and any OpenID Connect provider."""
