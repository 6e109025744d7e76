"""Fetch the files of a model version and read them without unpickling, or refuse them in a sentence."""

from __future__ import annotations

import errno
import warnings
from pathlib import Path
from typing import NoReturn
from zipfile import BadZipFile

import mlflow
import skops.io
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from requests import RequestException
from sklearn.exceptions import InconsistentVersionWarning
from skops.io.exceptions import UntrustedTypesFoundException

from crm_assets.errors import RegistryError, SourceUnavailableError
from crm_assets.modeling.calibration import CalibratedModel
from crm_assets.registry import soundness, versions
from crm_assets.registry.aliases import MISSING
from crm_assets.registry.past import WALK_FORWARD_FILE

MODEL_FILE = "model.skops"

WAY_OUT = (
    "Train a new champion, which replaces it (make run), or promote another version (make promote VERSION=…)."
)


def read_model(version: ModelVersion, file: Path, trusted: list[str]) -> CalibratedModel:
    """Read a stored model without unpickling.

    Args:
        version: the model's version.
        file: the file that skops wrote.
        trusted: the types beyond scikit-learn's own that it may hold.

    Raises:
        RegistryError: this project did not make it, it holds other types, or other versions wrote it.
    """
    try:
        foreign = soundness.foreign_types(file.parent, trusted)
    except ValueError as error:
        refuse(version, f"is not usable: {error}.", error)
    if foreign:
        refuse(version, f"asks to trust types that this project does not: {', '.join(foreign)}.")
    try:
        with warnings.catch_warnings():
            # This warns only of another patch version, since other releases are refused before.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            # Not with mlflow.sklearn, which unpickles if the stored files say so.
            model = skops.io.load(file, trusted=trusted)
    except MemoryError:
        raise
    except (BadZipFile, FileNotFoundError) as error:
        refuse(version, f"is not a model that skops wrote: {first_line(error)}", error)
    except UntrustedTypesFoundException as error:
        why = f"holds types that are not trusted: {first_line(error)}"
        refuse(version, f"{why} {versions.comparison(version.tags)}", error)
    except Exception as error:
        # Another library version may lack or change what the file names, and can raise any error.
        why = f"cannot be read ({type(error).__name__}: {first_line(error)})."
        refuse(version, f"{why} {versions.comparison(version.tags)}", error)
    if not isinstance(model, CalibratedModel):
        refuse(version, f"holds a {type(model).__name__}, which this project did not make.")
    try:
        what = soundness.fault(model)
    except Exception as error:
        refuse(version, f"cannot be checked ({type(error).__name__}: {first_line(error)}).", error)
    if what is not None:
        refuse(version, f"is damaged or made to do harm: {what}.")
    return model


def refuse(version: ModelVersion, why: str, error: Exception | None = None) -> NoReturn:
    """Say that a version is not usable, why, and what to do.

    Raises:
        RegistryError: always.
    """
    raise RegistryError(f"Version {version.version} of {version.name} {why} {WAY_OUT}") from error


def first_line(error: Exception) -> str:
    """Return the first line of an error's message; "" if it has none."""
    return next(iter(str(error).splitlines()), "")


def fetch_files(version: ModelVersion, folder: str) -> Path:
    """Download the files of a version and of its run to one folder, and return it.

    Args:
        version: the version.
        folder: where to put them.

    Raises:
        RegistryError: the files are gone.
        SourceUnavailableError: MLflow or its artifact store does not answer.
    """
    model = f"models:/{version.name}/{version.version}"
    try:
        files = mlflow.artifacts.download_artifacts(model, dst_path=folder)
        mlflow.artifacts.download_artifacts(
            run_id=version.run_id, artifact_path=WALK_FORWARD_FILE, dst_path=files
        )
    except (MlflowException, OSError) as error:
        if gone(error):
            refuse(version, f"has lost its files: {first_line(error)}", error)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        # Silence proves nothing: a champion whose files may still exist must not be replaced.
        raise SourceUnavailableError(
            f"The files of version {version.version} of {version.name} are not available now: "
            f"{first_line(error)} Try again when MLflow and its artifact store answer."
        ) from error
    return Path(files)


def gone(error: MlflowException | OSError) -> bool:
    """Return whether an error says that files are missing, and not that a server is silent."""
    if isinstance(error, MlflowException):
        return error.error_code in MISSING
    # MLflow's own error for a missing file has no number.
    return not isinstance(error, RequestException) and error.errno in (None, errno.ENOENT)
