use std::{fs, os::unix::ffi::OsStringExt};

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;

const GOOD: &str = "correct horse battery staple";

/// What comes of a passphrase in the variable, and of the same bytes in a file.
fn both(bytes: &[u8]) -> [Result<Option<StateKey>, Failure>; 2] {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("key");
    fs::write(&path, bytes).expect("written");
    let variable = OsString::from_vec(bytes.to_vec());
    let only = |name: &'static str, value: OsString| {
        state_key("KEY", move |asked| (asked == name).then(|| value.clone()))
    };
    [only("KEY", variable), only("KEY_FILE", path.into_os_string())]
}

#[test]
fn a_passphrase_is_the_same_in_a_variable_and_in_a_file() {
    for (end, kept) in [
        ("", ""),
        ("\n", ""),
        ("\r\n", ""),
        (" ", " "),
        (" \n", " "),
        ("\t\r\n", "\t"),
        ("\r", "\r"),
        ("\r\r\n", "\r"),
        ("ä\u{2028}\n", "ä\u{2028}"),
    ] {
        for made in both(format!(" {GOOD}{end}").as_bytes()) {
            let made = made.expect("usable").expect("set");
            assert_eq!(made.passphrase().expose_secret(), format!(" {GOOD}{kept}"), "{end:?}");
        }
    }
}

#[test]
fn a_passphrase_that_is_set_and_cannot_be_used_is_an_error_that_does_not_show_it() {
    for bytes in [
        &b""[..],
        b"\n",
        b"\r\n",
        b"too short SECRET",
        b"19 characters SECRE\n",
        b"SECRET, and a byte \xff that is not UTF-8",
        b"\xff\xfeS\0E\0C\0R\0E\0T\0.\0.\0.\0.\0.\0.\0.\0.\0.\0.\0.\0.\0",
        "\u{feff}SECRET with a mark before it".as_bytes(),
        &[b'S'; LONGEST + 1],
    ] {
        for (at, made) in both(bytes).into_iter().enumerate() {
            if bytes.len() > LONGEST && at == 0 {
                continue;
            }
            let told = made.map(drop).expect_err("unusable").to_string();
            assert!(!told.contains("SECRE") && !told.contains("SSS"), "{told}");
            assert!(told.contains("KEY") || told.contains("/key"), "{told}");
        }
    }
    let [variable, _] = both(format!("{GOOD}\nand a second line").as_bytes());
    assert!(variable.map(drop).is_err_and(|told| told.to_string().contains("more than one line")));
}

#[test]
fn a_file_that_is_not_there_and_two_sources_are_errors() {
    let told = |variables: &[(&str, &str)]| {
        let set: Vec<_> = variables.to_vec();
        let found = state_key("KEY", move |asked| {
            set.iter().find(|(name, _)| *name == asked).map(|(_, value)| value.into())
        });
        found.map(drop).map_err(|failure| failure.to_string())
    };
    assert_eq!(told(&[]), Ok(()));
    assert!(
        told(&[("KEY_FILE", "")]).is_err_and(|told| told.contains("KEY_FILE is set, and empty"))
    );
    assert!(told(&[("KEY_FILE", "/nowhere/key")]).is_err_and(|told| told.contains("/nowhere/key")));
    assert!(told(&[("KEY_FILE", "/")]).is_err());
    let two = told(&[("KEY", GOOD), ("KEY_FILE", "/nowhere/key")]);
    assert_eq!(two, Err("KEY and KEY_FILE are both set".to_owned()));
}
