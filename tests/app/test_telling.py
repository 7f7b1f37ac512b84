"""What people tell the recorder stands in a journal before they hear that it does."""

from pathlib import Path

from gateway.app.telling import Teller
from gateway.journal.reader import Reader
from tests.records import new_id
from tests.scores import feedback


def test_what_is_told_is_in_the_journal(tmp_path: Path) -> None:
    """No segment is made before; once the teller is closed it can be read to its end and removed."""
    teller = Teller(tmp_path)
    reader = Reader(tmp_path)
    reader.poll(thorough=True)
    one = feedback(new_id(), source="human")

    assert [] == list(tmp_path.glob("*.seg"))
    assert teller.tell(one)
    reader.poll(thorough=True)
    assert [one] == [each.evaluation for each in reader.evaluations]
    teller.close()
    assert not teller.tell(one)
    reader.poll(thorough=True)
    assert 1 == len(reader.removable())
    reader.close()


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    """Nobody is told that it is kept when it is not."""
    (tmp_path / "file").touch()
    teller = Teller(tmp_path / "file")

    assert not teller.tell(feedback(new_id()))
    teller.close()
