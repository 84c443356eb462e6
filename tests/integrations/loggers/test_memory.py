"""In memory all is there as it came."""

from paramgroups.integrations.loggers import Memory


def test_all_is_kept_in_order() -> None:
    log = Memory()
    log.numbers({"a": 1.0, "b": 2.0}, 0)
    log.numbers({"a": 3.0}, 1)
    log.numbers({"a": 4.0}, 1)
    log.text("plan", "words", None)
    log.close()
    assert log.rows == [(0, "a", 1.0), (0, "b", 2.0), (1, "a", 3.0), (1, "a", 4.0)]
    assert log.texts == [(None, "plan", "words")]
    assert log.series("a") == {0: 1.0, 1: 4.0}
    assert log.series("c") == {}
