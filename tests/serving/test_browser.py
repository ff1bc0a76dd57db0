"""The page in a real headless Chromium. Needs Debian's packages chromium and chromium-driver, and axe, which
`make test-slow` fetches.

With SCREENSHOTS=folder each test leaves its pictures there, to be looked at.
"""

import datetime as dt
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from fake_model import publish
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from serving.app import Settings, create_app
from serving.clock import MoscowClock
from serving.days import MOSCOW, PublishedDays, moscow_today, read_day

pytestmark = pytest.mark.slow
TODAY = moscow_today(dt.datetime.now(dt.UTC))
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --hide-scrollbars"
)


class LiveSite:
    """The application on a loopback port, in a thread, at noon of a day."""

    def __init__(self, root, today=TODAY):
        days = PublishedDays(str(root))
        days.refresh()
        noon = dt.datetime.combine(today, dt.time(12), MOSCOW).timestamp()
        app = create_app(days, MoscowClock(lambda: noon), Settings(max_requests=0, ops=True))
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            time.sleep(0.05)
        self.address = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def stop(self):
        self.server.should_exit = True
        self.thread.join(20)

    def __exit__(self, *_):
        self.stop()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("site")
    for offset in (-1, 0, 1):
        publish(root, TODAY + dt.timedelta(days=offset), topics=["general", "love", "business", "health"])
    return root


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    assert all(programs.values()), (
        "expected chromium and chromedriver; apt-get install chromium chromium-driver"
    )
    options = webdriver.ChromeOptions()
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.binary_location = programs["chromium"]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(programs["chromedriver"]))
    yield driver
    driver.quit()


@pytest.fixture
def site(root):
    with LiveSite(root) as live:
        yield live


def look(browser, name, width=1200, height=900, dark=False):
    """Set the window; leave a picture if asked to."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def shown_text(browser):
    return browser.find_element(By.ID, "horoscope").text


def test_a_reader_chooses_a_sign_then_a_topic_then_a_day(browser, site, root):
    browser.get(site.address)
    look(browser, "home")
    browser.find_element(By.CSS_SELECTOR, "#leo a").click()
    assert shown_text(browser) == read_day(str(root), TODAY).find("leo", "general").text
    browser.find_element(By.LINK_TEXT, "Любовь").click()
    look(browser, "leo-love-dark", dark=True)
    assert shown_text(browser) == read_day(str(root), TODAY).find("leo", "love").text
    browser.find_element(By.LINK_TEXT, "Завтра").click()
    tomorrow = TODAY + dt.timedelta(days=1)
    assert shown_text(browser) == read_day(str(root), tomorrow).find("leo", "love").text
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def test_a_birthday_finds_its_sign_and_the_sign_is_remembered(browser, site):
    browser.get(site.address)
    browser.find_element(By.ID, "who").send_keys("25 июля", Keys.ENTER)
    WebDriverWait(browser, 10).until(lambda b: b.find_element(By.TAG_NAME, "h1").text == "Лев")
    browser.get(site.address)
    first = browser.find_elements(By.CSS_SELECTOR, ".signs h2")[0]
    assert first.text == "Лев"


def test_visited_pages_open_without_a_network(browser, root):
    with LiveSite(root) as live:
        browser.get(live.address)
        browser.execute_async_script("navigator.serviceWorker.ready.then(arguments[0])")
        WebDriverWait(browser, 10).until(
            lambda b: b.execute_script("return !!navigator.serviceWorker.controller")
        )
        browser.get(f"{live.address}/virgo")
        expected = shown_text(browser)
        live.stop()
        browser.get(f"{live.address}/virgo")
        assert shown_text(browser) == expected
        assert not browser.find_element(By.ID, "stale").is_displayed()


def test_a_page_kept_since_yesterday_says_so_and_does_not_call_itself_todays(browser, root):
    with LiveSite(root, TODAY - dt.timedelta(days=1)) as live:
        browser.get(f"{live.address}/leo")
        look(browser, "stale")
        assert browser.find_element(By.ID, "stale").is_displayed()
        assert not browser.find_element(By.CSS_SELECTOR, ".days").is_displayed()


@pytest.mark.parametrize("path", ["/", "/sagittarius/business", "/nowhere", "/2020-01-01/leo"])
def test_nothing_sticks_out_of_a_narrow_screen(browser, site, path):
    look(browser, "narrow", 320, 640)
    browser.get(site.address + path)
    look(browser, f"narrow{path.replace('/', '-')}", 320, 640)
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= 320


def test_the_keyboard_reaches_everything_beginning_with_the_skip_link(browser, site):
    look(browser, "keyboard")
    browser.get(f"{site.address}/leo")
    seen = []
    for _ in range(40):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        focused = browser.switch_to.active_element
        seen.append((focused.accessible_name or focused.text).strip())
    assert seen[0] == "К тексту"
    assert {"Любовь", "Вчера", "Поделиться", "Рыбы"} <= set(seen)


AXE = Path(__file__).resolve().parents[2] / ".cache/axe/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
@pytest.mark.parametrize("path", ["/", "/leo/love", "/nowhere", "/2020-01-01/leo", "/docs", "/ops"])
def test_axe_finds_no_barrier(browser, site, path, width, dark):
    assert AXE.exists(), f"expected axe-core in {AXE}; make test-slow fetches it"
    look(browser, "axe", width, dark=dark)
    browser.get(site.address + path)
    look(browser, f"axe{path.replace('/', '-')}-{width}", width, dark=dark)
    browser.execute_script(AXE.read_text())
    run = "axe.run(document, {runOnly: arguments[0]}).then(arguments[1])"
    found = browser.execute_async_script(run, RULES)
    assert {fault["id"]: fault["nodes"][0]["html"] for fault in found["violations"]} == {}
    assert len(found["passes"]) > 15


CONTRAST = """
const luminance = (rgb) => {
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = rgb.map((v) => linear(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
const background = (node) => {
  for (; node; node = node.parentElement) {
    const color = numbers(getComputedStyle(node).backgroundColor);
    if (color.length === 3 || color[3] > 0) return color.slice(0, 3);
  }
  return [255, 255, 255];
};
const worst = {};
for (const node of document.querySelectorAll("main *, footer *, header *")) {
  const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  if (!own || !node.checkVisibility()) continue;
  const [a, b] = [numbers(getComputedStyle(node).color).slice(0, 3), background(node)].map(luminance);
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) worst[node.tagName + "." + node.className + ": " + node.textContent.slice(0, 20)] = ratio;
}
return worst;
"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("path", ["/", "/leo/love", "/aries", "/virgo", "/libra", "/pisces"])
def test_every_text_stands_out_from_its_background(browser, site, path, dark):
    look(browser, "contrast", dark=dark)
    browser.get(site.address + path)
    assert browser.execute_script(CONTRAST) == {}


def test_light_and_dark_can_be_chosen_and_are_remembered(browser, site):
    look(browser, "theme", dark=False)
    browser.get(site.address)
    before = browser.execute_script("return getComputedStyle(document.documentElement).backgroundColor")
    browser.find_element(By.CSS_SELECTOR, ".theme").click()
    browser.get(f"{site.address}/leo")
    after = browser.execute_script("return getComputedStyle(document.documentElement).backgroundColor")
    browser.execute_script("localStorage.clear()")
    assert before != after
