"""What people and programs read from the stored tables: typed, by scope, in words.

The dashboard and the REST API share this room. It reads stored tables only, and knows no web framework.
"""
