"""An exported folder as a repository of the Hugging Face hub."""

from pathlib import Path

from fractalctl.corpora.reach import endpoint, why_unreachable
from fractalctl.errors import FractalError, RequestError, UnreachableError


def push(
    folder: Path, repository: str, *, public: bool = False, message: str = "Exported by fractalctl"
) -> str:
    """Upload a folder; a repository that does not exist is made.

    Who asks is known by ``HF_TOKEN``, or by what ``hf auth login`` has kept.

    Args:
        folder: all its files go.
        repository: ``owner/name``.
        public: whether a repository that is made can be read by everybody.
        message: of the commit.

    Returns:
        Address of the commit.

    Raises:
        RequestError: the name is none, or the hub refuses who asks.
        UnreachableError: the hub gives no answer.
        FractalError: the hub fails.
    """
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise RequestError(f"--push '{repository}': expected owner/name")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    if reason := why_unreachable():
        raise _unreachable(folder, repository, reason)
    hub = HfApi(endpoint=endpoint())
    try:
        hub.create_repo(repository, private=not public, exist_ok=True)
        commit = hub.upload_folder(repo_id=repository, folder_path=folder, commit_message=message)
    except HfHubHTTPError as error:
        raise _refused(repository, error.response.status_code, str(error)) from error
    except ValueError as error:
        raise RequestError(f"--push {repository}: {str(error).strip().partition(chr(10))[0]}") from error
    except Exception as error:  # of whatever library carries the hub's requests
        raise _unreachable(folder, repository, str(error).strip().partition("\n")[0]) from error
    return str(commit.commit_url)


def _unreachable(folder: Path, repository: str, reason: str) -> UnreachableError:
    return UnreachableError(
        f"{endpoint()} cannot be reached ({reason}); the folder {folder} is whole, and "
        f"'hf upload {repository} {folder}' uploads it later"
    )


def _refused(repository: str, status: int, reason: str) -> FractalError:
    """What the hub's answer means."""
    said = reason.strip().partition("\n")[0]
    if status in (401, 403):
        return RequestError(
            f"{endpoint()} does not let you write {repository} ({status}); a token that may write goes into "
            "HF_TOKEN, or 'hf auth login' keeps it"
        )
    return FractalError(f"{endpoint()}: pushing {repository} failed: {said}")
