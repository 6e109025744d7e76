"""Write scores, bands and reasons back to the CRM: as files for its import, or through its interface."""
