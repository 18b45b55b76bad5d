"""Requests before any page sees them: login, sessions, limits, proxies; and what is served besides pages."""
