//! Screenshots, with Chromium.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut all = std::env::split_paths(&path).flat_map(|at| names.map(|name| at.join(name)));
    all.find(|file| file.is_file()).expect("Chromium, to make pictures with")
}

/// Makes a picture of a page with this width and height in pixels.
pub(super) fn picture(page: &Path, to: &Path, (width, height): (u32, u32)) {
    let profile = TempDir::new().expect("a folder");
    let done = Command::new(chromium())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--hide-scrollbars", "--disable-dev-shm-usage", "--virtual-time-budget=3000"])
        .args(["--blink-settings=preferredColorScheme=1", "--allow-file-access-from-files"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", to.display()))
        .arg(format!("file://{}", page.display()))
        .stderr(Stdio::null())
        .output()
        .expect("the browser starts");
    assert!(done.status.success() && to.is_file(), "{done:?}");
}
