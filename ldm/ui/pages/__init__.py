"""The pages, one a file, each with TITLE and build(studio)."""
