"""Arms: methods that map a backbone's features to embeddings, their settings, training and files."""
