"""Where rows go: the files of an output set, their names and sizes."""
