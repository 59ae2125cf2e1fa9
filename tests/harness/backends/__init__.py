"""Stand-ins for AWS and other backends, which authenticate requests and keep the received data."""
