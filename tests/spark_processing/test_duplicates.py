import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from spark_processing.duplicates import find_duplicate_texts, find_repeated_ids
from spark_processing.judging import hash_of
from spark_processing.raw_parts import keys_of
from spark_processing.schema import JUDGED


def keys(*rows):
    """Keys of rows of (id, date, source, fetched_at, text); a row without a text is rejected already."""
    lines = [
        {
            "horoscope_id": name,
            "date": date,
            "source": source,
            "fetched_at": at,
            "text_hash": text and hash_of(text),
            "reason": None if text else "too_short",
        }
        for name, date, source, at, text in rows
    ]
    return keys_of(pa.Table.from_pylist(lines, JUDGED).combine_chunks())


def repeated(table, *known):
    is_known = keys(*[(name, "", "", "", None) for name in known]).column("id_key").to_numpy()
    return find_repeated_ids(table, is_known).tolist()


def copies(table, **known):
    is_open = table.column("text_hash").is_valid().to_numpy()
    found = find_duplicate_texts(table, is_open, {hash_of(text): name for text, name in known.items()})
    names = table.column("horoscope_id").take(pa.array(found.rows)).to_pylist()
    return dict(zip(names, found.keepers, strict=True))


def test_of_one_horoscope_collected_twice_the_first_download_stays():
    table = keys(
        ("a", "2026-11-23", "ru74", "08:00", "t1"),
        ("a", "2026-11-23", "ru74", "07:00", "t1"),
        ("b", "2026-11-23", "ru74", "07:00", "t2"),
        ("old", "2026-11-22", "ru74", "07:00", "t3"),
        (None, "2026-11-23", "ru74", "07:00", None),
        (None, "2026-11-23", "ru74", "07:00", None),
    )
    assert repeated(table, "old") == [True, False, False, True, False, False]


def test_of_one_text_the_earliest_day_stays_then_the_first_source_then_the_smallest_id():
    table = keys(
        ("late", "2026-11-24", "astro", "07:00", "t1"),
        ("early", "2026-11-23", "ru74", "07:00", "t1"),
        ("y", "2026-11-23", "ru74", "07:00", "t2"),
        ("x", "2026-11-23", "ru74", "07:00", "t2"),
        ("z", "2026-11-23", "astro", "07:00", "t2"),
        ("new", "2026-11-01", "astro", "07:00", "t3"),
        ("short", "2026-11-01", "astro", "07:00", None),
    )
    assert copies(table, t3="old") == {"late": "early", "new": "old", "x": "z", "y": "z"}


ROWS = st.tuples(
    st.sampled_from(["2026-11-01", "2026-11-02"]),
    st.sampled_from(["ru74", "astro"]),
    st.sampled_from(["t1", "t2", "t3", None]),
)


@given(st.lists(ROWS, max_size=12), st.randoms())
def test_the_verdict_does_not_depend_on_the_order_of_rows(rows, random):
    named = [
        (f"{number:02d}", date, source, "07:00", text) for number, (date, source, text) in enumerate(rows)
    ]
    shuffled = random.sample(named, len(named))
    assert copies(keys(*named)) == copies(keys(*shuffled))
    kept = {row[0] for row in named} - set(copies(keys(*named)))
    assert {text for name, *_, text in named if name in kept} == {text for *_, text in named}
