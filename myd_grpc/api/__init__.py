"""The gRPC API: requests checked, calls answered, errors made statuses."""
