"""The script that Streamlit runs for each visit."""

from crm_assets.dashboard.pages.all import show

show()
