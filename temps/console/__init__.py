"""The console: Django's admin with django-unfold, at the root of the site."""
