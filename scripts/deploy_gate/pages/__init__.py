"""HTML pages that need nothing from anywhere else: one for each report, and the site of all deployments."""
