"""One search by a run of the stack, a second run, and another machine that shares no folder with them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from crm_assets.defs.automation.jobs import TUNING
from crm_assets_tests.stack.deployed import Deployed
from dev.place import place

NAME = "logistic_regression"
TABLE = f"tables/tuned_{NAME}.parquet"
JOIN = (sys.executable, "-m", "crm_assets.console.tune", "--algorithm", NAME, "--join")
RAN = re.compile(rf"This worker ran (\d+) trials of the search for {NAME}; 12 of 12 are done\.")


def helper(deployed: Deployed, algorithm: str) -> str:
    config = {"ops": {"join_search": {"config": {"algorithm": algorithm}}}}
    return deployed.client.submit_job_execution("tuning_worker", run_config=config)


def test_runs_and_another_machine_share_one_search(
    deployed: Deployed, finished: dict[str, bytes], tmp_path: Path
) -> None:
    # No folder, no history and no database of its own is shared: only servers.
    shared = ("CRM_", "AWS_", "USE_S3_STORAGE")
    settings = {k: v for k, v in deployed.stack.environment().items() if k.startswith(shared)}
    other = place(tmp_path / "other", **{k: v for k, v in settings.items() if k != "CRM_HOME"})
    with subprocess.Popen(
        JOIN, env=other.environment(), cwd=other.folder, stdout=subprocess.PIPE, text=True
    ) as machine:
        run = helper(deployed, NAME)
        search = deployed.client.submit_job_execution(TUNING, asset_selection=[f"tuned_{NAME}"])
        assert deployed.status(search) == "SUCCESS"
        assert deployed.status(run) == "SUCCESS"
        said = machine.communicate()[0]
    assert machine.returncode == 0
    # Both were there before the search, and waited for it.
    ran = [RAN.search(text) for text in (said, deployed.messages(run))]
    assert all(ran), (said, deployed.messages(run))
    assert sum(int(one[1]) for one in ran if one) > 0
    # It adds its table, and changes no other one.
    after = deployed.contents()
    assert {name for name in after if after[name] != finished.get(name)} == {TABLE}
    deployed.s3.delete_object(Bucket=settings["CRM_S3_BUCKET"], Key=TABLE)
    # Who has other settings gets a sentence, and starts no search.
    refused = other.run(*JOIN, CRM_SEED="1", CRM_TUNE_HEARTBEAT="1")
    assert refused.returncode == 1
    assert "another one than this worker would join. Different are: CRM_SEED (1 here," in refused.stdout


def test_a_run_that_cannot_help_says_why(deployed: Deployed) -> None:
    run = helper(deployed, "xgbost")
    assert deployed.status(run) == "FAILURE"
    [error] = deployed.failures(run)
    assert "xgbost is no algorithm that can be tuned; there are closing_hazard, logistic_regression" in error
