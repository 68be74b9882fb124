"""NeuroLink: a small service that estimates demand, so that the ERP need not."""
