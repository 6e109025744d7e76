"""How a CRM's own files become our raw tables: the mapping, its presets, and the source that applies it."""
