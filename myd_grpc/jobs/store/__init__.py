"""The job database: what is in it, who may talk to it, and how old it is."""
