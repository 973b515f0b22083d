"""What survives a full collection is not looked at again, and an engine that was given away does not stay for ever."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from streams.worker.collecting import Collecting


class Large:
    """Something that refers to itself, as an engine does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_survives_is_frozen_until_it_is_left() -> None:
    with Collecting(list):
        gc.collect()
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("is_watched", [True, False])
def test_an_engine_that_was_given_away_goes(is_watched: bool) -> None:
    in_use = [Large()]
    with Collecting(lambda: in_use) as collecting:
        if is_watched:
            collecting.watch(in_use[0])
        gc.collect()
        assert gc.get_freeze_count()
        held, gone = in_use[0], weakref.ref(in_use.pop())
        collecting.thaw()
        gc.collect()  # something still holds it, as a task that has yet to end: it must not be frozen with the rest
        del held
        gc.collect()
        assert (gone() is None) == is_watched, "unwatched it is frozen with the rest: the negative control"
        gc.collect()
        assert gc.get_freeze_count()


def test_nothing_is_collected_while_anything_large_is_built() -> None:
    with Collecting(list) as collecting:
        with collecting.building():
            with collecting.building():
                assert not gc.isenabled()
            assert not gc.isenabled(), "another one is still being built"
        assert gc.isenabled()
        with pytest.raises(RuntimeError), collecting.building():
            raise RuntimeError
        assert gc.isenabled(), "one that broke off must not leave it off"
