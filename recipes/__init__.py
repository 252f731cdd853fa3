"""Complete, commented run configurations: `journey run NAME`, `journey list recipes`."""
