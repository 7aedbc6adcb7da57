"""One file over HTTP, with progress on a terminal; what a broken-off download has left is not fetched again."""

import sys
from pathlib import Path

TIMEOUT = 20  # seconds to connect, and to wait for more bytes
ATTEMPTS = 5  # at one address, as long as each brings something
CHUNK = 1 << 16  # bytes; a chunk that breaks off is fetched again


def download(url: str, part: Path) -> None:
    """Complete `part`, from where it ends if the server can, else from the beginning.

    A connection that breaks is taken up again. Whether the bytes are the right ones is for the caller to check.

    Parameters
    ----------
    url : str
        The file's address.
    part : Path
        What there is of the file; it need not exist.

    Raises
    ------
    OSError
        If the file cannot be had; `part` keeps what has come.
    """
    import requests

    for attempt in range(1, ATTEMPTS + 1):
        start = _size(part)
        try:
            _request(url, part, start)
            return
        except requests.RequestException:
            if attempt == ATTEMPTS or _size(part) <= start:
                raise


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _request(url: str, part: Path, start: int) -> None:
    """Ask for the bytes from `start` on, and write them to `part`."""
    import requests
    from tqdm import tqdm

    from cupynn.console import Lenient

    headers = {"Accept-Encoding": "identity"}  # compressed on the way, the bytes could not be counted
    if start:
        headers["Range"] = f"bytes={start}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if start and response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing comes after what there is
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise OSError(f"asked for the bytes from {start} on, the server sent others")
        start = start if resumed else 0
        length = response.headers.get("Content-Length", "")
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(
                desc=part.stem,
                initial=start,
                total=start + int(length) if length.isdecimal() else None,
                unit="B",
                unit_scale=True,
                file=sys.stderr,
                disable=not Lenient(sys.stderr).isatty(),
            ) as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
