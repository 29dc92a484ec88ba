"""ImageJ's side of the worker: requests, their memory, and the process itself."""
