"""The sales dashboard: a page per question, read from the stored tables and the registry.

Streamlit stays in this room. What a page says is computed in `insight`, and what may be seen is decided where
`insight.reading` reads.
"""
