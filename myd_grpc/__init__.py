"""Convert encrypted MyData JSON files to CSV and summarise shopping, over gRPC."""
