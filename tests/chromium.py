"""The browser of the browser tests: find Chromium, or (as a script) install it where that may be done."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHELL = "chromium-headless-shell"
MAC_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
ADVICE = (
    "The browser tests need Chromium: install it (Debian: apt-get install chromium; macOS: brew install --cask"
    " chromium; anywhere: .venv/bin/playwright install chromium), or name one by CHROMIUM=/path/to/it."
)
SHELLS_ADVICE = f"With Debian's {SHELL} beside Chromium, the browser tests have a third less to do."
# Chromium draws what hangs from its address bar as two pages of its own in each window, seen or not: more work than
# most pages that are loaded here.
WINDOW = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")
# It heeds the last such switch alone: this one says what Playwright's says, too.
OFF_IN_PLAYWRIGHT = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "TcpPortRandomizationWin",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
    "msForceBrowserSignIn",
    "msEdgeUpdateLaunchServicesPreferredVersion",
)
SWITCHES = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream",  # a microphone that beeps
    f"--disable-features={','.join((*OFF_IN_PLAYWRIGHT, *WINDOW))}",
]


def find():
    """The path of Chromium: CHROMIUM's, the system's, or the one that Playwright has downloaded; else None."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    for name in (*NAMES, *MAC_APPS):
        # Ubuntu's chromium-browser is a script that asks for a snap.
        if (path := shutil.which(name)) and works(path):
            return path
    return downloaded()


def find_shell():
    """The path of Chromium without windows, which shows pages for much less work and has no microphone; else None."""
    if "CHROMIUM" not in os.environ and (path := shutil.which(SHELL)) and works(path):
        return path
    return None


def launch(playwright, path, **options):
    """The headless browser in which pages are looked at."""
    sandbox = os.geteuid() != 0
    return playwright.chromium.launch(executable_path=path, args=SWITCHES, chromium_sandbox=sandbox, **options)


def works(path):
    return subprocess.run([path, "--version"], capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def downloaded():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install():
    """Install the system's package as root, on Debian and its like; say so where that cannot be."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium with apt-get.", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["install", "--yes", "--no-install-recommends"]
        for arguments in (["update"], [*install, "chromium"], [*install, SHELL]):  # not every release has the shell
            subprocess.run(["apt-get", "--quiet", "--quiet", *arguments], env=environment, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    if not find():
        if "CHROMIUM" not in os.environ:
            install()
        if not find():
            sys.exit(ADVICE)
    if shutil.which("apt-get") and "CHROMIUM" not in os.environ and not find_shell():
        print(SHELLS_ADVICE)
