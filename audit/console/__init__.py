"""The pages of the audit log in the console: the list's filters, one event, the timeline and the charts."""
