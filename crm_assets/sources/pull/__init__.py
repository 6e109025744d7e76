"""Pull deals from a CRM's own interface (API) into files, which the CRM's mapping reads."""
