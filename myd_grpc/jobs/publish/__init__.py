"""The output directory: sets appear in it by one rename."""
