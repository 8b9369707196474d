"""How the built-in pages look in a browser: at 375 pixels, the width of a telephone, no text is cut off."""
import pytest
from chromium import CHROMIUM, Browser
from servers import on_our_server

from poorwsgi import Application, state

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

LONG = "an-address-that-goes-on-and-on-and-on-until-no-telephone-can-show-it-on-one-line" * 2

#: What is to the right of the window, or cut off at the edge of its box. Boxes that scroll, and what is in them, are whole.
CLIPPED = """
(() => {
  const found = [];
  const scrolls = element => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
  const inScroller = element => element && (scrolls(element) || inScroller(element.parentElement));
  const hidden = element => element.closest("thead") && innerWidth < 640;
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push("the page: " + document.documentElement.scrollWidth);
  for (const element of document.body.querySelectorAll("*")) {
    if (inScroller(element) || hidden(element)) continue;
    const box = element.getBoundingClientRect();
    const inline = getComputedStyle(element).display === "inline";
    if (box.right > width + 1 || box.left < -1) found.push(element.outerHTML.slice(0, 200) + " at " + box.right);
    else if (!inline && element.scrollWidth > element.clientWidth + 1) found.push(element.outerHTML.slice(0, 200) + " is clipped");
  }
  return found;
})()
"""

#: Opens what is collapsed.
OPEN = "document.querySelectorAll('details').forEach(each => each.open = true)"


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture
def url(name, tmp_path):
    app = Application(name)
    app.debug, app.document_root, app.document_index = True, str(tmp_path), True
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / f"{LONG}.txt").write_text("x")

    @app.route("/fails/<what>")
    def fails(req, what):
        articles, db_password = [LONG] * 20, "hunter22"
        try:
            return {"one": what}["a key of this dictionary that goes on and on and on"], articles, "and", "so", "the", "line", "is", "long"
        except KeyError as error:
            raise LookupError(f"{LONG} {db_password}") from error

    @app.route("/posted", method=state.METHOD_POST)
    def posted(req):
        return "posted"

    with on_our_server(app) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("path", ["/none", f"/{LONG}", f"/fails/{LONG}", "/posted", "/files/", f"/debug-info?{LONG}"])
def test_no_text_is_cut_off(browser, url, path, width):
    browser.open(url + path, width)
    assert browser.evaluate("document.querySelector('h1').textContent")
    assert browser.evaluate(CLIPPED) == []
    browser.evaluate(OPEN)
    assert browser.evaluate(CLIPPED) == []


def test_a_long_line_of_source_scrolls(browser, url):
    browser.open(f"{url}/fails/x", 375)
    browser.evaluate(OPEN)
    scrolled = browser.evaluate("""
        [...document.querySelectorAll("pre.lines")].map(line => {
          line.scrollLeft = 10000;
          return [line.scrollWidth > line.clientWidth, line.scrollLeft > 0];
        })
    """)
    assert [True, True] in scrolled and [True, False] not in scrolled


def test_frames_open_without_a_script(browser, url):
    browser.open(f"{url}/fails/x")
    assert browser.evaluate("document.scripts.length") == 0
    assert browser.evaluate("document.querySelector('.step:not([open])').checkVisibility()")
    before, after = browser.evaluate("""
        (() => {
          const step = document.querySelector(".step:not([open])"), before = step.scrollHeight;
          step.querySelector("summary").click();
          return [before, step.scrollHeight];
        })()
    """)
    assert after > before


def test_what_is_collapsed_is_printed(browser, url):
    browser.open(f"{url}/fails/x")
    content = """[...document.querySelectorAll("details:not([open]) > :not(summary)")].map(each => each.checkVisibility())"""
    shown = browser.evaluate(content)
    assert shown and not any(shown)
    try:
        browser.call("Emulation.setEmulatedMedia", media="print")
        printed = browser.evaluate(content)
        heights = browser.evaluate('[...document.querySelectorAll("details:not([open]) > pre")].map(each => each.offsetHeight)')
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")
    assert len(printed) == len(shown) and all(printed)
    assert heights and all(heights)


def test_the_style_sheet_and_nothing_else_is_allowed(browser, url):
    browser.open(f"{url}/none", dark=True)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
    browser.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))")
    assert browser.evaluate("window.ran") is None
