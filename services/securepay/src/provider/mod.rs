//! Payment providers: the port, and a simulator that behaves as badly as they do.
