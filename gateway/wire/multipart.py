"""The model that an upload asks for, without reading the upload: a small form field near its start."""

import re

# The field may stand behind others, never inside a file's bytes: a part's head begins behind a boundary line.
_MODEL = re.compile(
    rb"--[^\r\n]{1,200}\r\nContent-Disposition:[ ]?form-data;[ ]?"
    rb'name="?model"?\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]{1,256})\r\n--',
    re.IGNORECASE,
)


def model_of_form(start: bytes) -> str | None:
    """Return the value of the form field `model` if it stands whole in the first bytes of a multipart body."""
    match = _MODEL.search(start)
    if match is None:
        return None
    try:
        return match[1].decode()
    except UnicodeDecodeError:
        return None
