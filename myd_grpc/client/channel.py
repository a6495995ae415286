"""What both clients connect with."""

from __future__ import annotations

DEFAULT_ADDRESS = "127.0.0.1:50051"

ANSWER_TIMEOUT_S = 30.0
CHANNEL_OPTIONS = [
    # A watch may be quiet for long: pings find out that the server, or a router between, is gone.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Back soon after a restart of the server; gRPC's own limit is two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Requests carry keys: straight to the server, not through a proxy of the environment.
    ("grpc.enable_http_proxy", 0),
]
