"""Grading: what a site's answers say of its security headers; pure, of what a scan saw."""
