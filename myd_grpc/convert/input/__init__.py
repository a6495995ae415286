"""Where bytes come from: files opened safely, told apart and decrypted."""
