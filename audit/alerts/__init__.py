"""What people are told of at once: rules over events, and the channels that carry the news."""
