"""A page per question. Streamlit would serve a folder named `pages` by itself, past the login."""
