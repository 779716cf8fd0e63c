"""``base.proto``: the messages of Paddle's files."""
