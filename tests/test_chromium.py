"""The browser that the browser tests start."""

import re
import shutil

import pytest
from playwright.sync_api import Error

from tests import chromium


def test_what_playwright_turns_off_in_its_browser_stays_off_in_ours(playwright):
    with pytest.raises(Error) as refused:  # and told with all switches
        playwright.chromium.launch(executable_path=shutil.which("false"))
    (named,) = set(re.findall(r"--disable-features=(\S+)", refused.value.message))
    assert set(named.split(",")) == set(chromium.OFF_IN_PLAYWRIGHT)
