from html.parser import HTMLParser

from raw_data import SENTENCES, row, write_run

from spark_processing import report


def text(number: int) -> str:
    return " ".join(f"{sentence[:-1]}, {number} раз." for sentence in SENTENCES[:5])


class Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)

    def handle_data(self, data) -> None:
        self.said.append(data.strip())


def test_the_report_tells_the_funnel_the_shares_and_examples(tmp_path, clean_job):
    write_run(tmp_path, [row(text=text(1)), row(sign="virgo", text="<b>Коротко</b> & ясно.")])
    write_run(tmp_path, [row(source="astro", text=text(1).replace("Вечер", "Завтрашний вечер"))])
    clean_job()
    assert report.main(["--storage", str(tmp_path)]) == 0
    page = Words()
    page.feed((tmp_path / "processed" / "report.html").read_text(encoding="utf-8"))
    said = " | ".join(word for word in page.said if word)
    assert "2 of 3 rows kept" in said
    assert "kept | 2 | too_short | 1" in said
    assert "astro | ru74 | 1" in said  # two sources, one story
    assert "astro | 1 | 1 | ru74 | 1 | 1" in said  # by month
    assert "leo | 1 | 1" in said  # by sign and month
    assert "0–99 | 1" in said and "300–399 | 2" in said  # as they came
    assert {"line", "circle", "details"} <= page.tags
    assert "<b>Коротко</b> & ясно." in said  # shown as it came, not rendered
    assert "b" not in page.tags - {"body"} and "svg" in page.tags


def test_a_report_without_a_dataset_says_what_to_run(tmp_path, capsys):
    assert report.main(["--storage", str(tmp_path)]) == 1
    assert "run clean_job first" in capsys.readouterr().err
