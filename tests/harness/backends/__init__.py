"""Stand-ins for AWS and other backends, which check who sends to them and keep what arrives."""
