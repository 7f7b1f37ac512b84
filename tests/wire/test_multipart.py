"""The model of an upload is found in the form, and only there."""

import pytest

from gateway.wire.multipart import model_of_form

FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
MODEL = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'


def test_model_is_found_wherever_it_stands() -> None:
    """Before or behind the file."""
    assert "whisper-1" == model_of_form(MODEL + FILE + b"RIFF\r\n--b--\r\n")
    assert "whisper-1" == model_of_form(FILE + b"RIFF\r\n" + MODEL + b"--b--\r\n")


@pytest.mark.parametrize("cut", range(len(MODEL)))
def test_half_a_field_is_none(cut: int) -> None:
    """A value that may go on is not a value yet."""
    assert model_of_form(MODEL[:cut]) is None


def test_other_fields_are_not_the_model() -> None:
    """The name must match whole."""
    assert model_of_form(MODEL.replace(b'"model"', b'"model_x"') + b"--b--\r\n") is None


def test_a_model_that_is_no_text_is_none() -> None:
    """Nobody can have meant it."""
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n\xff\xfe\r\n--b'

    assert None is model_of_form(form)
