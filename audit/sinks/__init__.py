"""Where sealed entries and checkpoints are streamed to: syslog, webhooks, mail."""
