"""Conversion of JSON documents to CSV tables: a library without gRPC and without SQLite."""
