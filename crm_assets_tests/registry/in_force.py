"""Load the champion of an installation as a process of its own does, and print its version and algorithm."""

import json

from crm_assets.registry import models, tracking
from crm_assets.settings import get_settings

if __name__ == "__main__":
    settings = get_settings()
    tracking.connect(settings.tracking_uri, settings.artifacts_dir)
    champion = models.load_champion()
    print(json.dumps([champion.version, champion.algorithm]))
