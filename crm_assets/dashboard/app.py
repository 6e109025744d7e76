"""The script that Streamlit runs for each visit."""

from crm_assets.dashboard.views.all import show

show()
