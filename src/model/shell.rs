//! Words of commands that people copy into a shell.

use std::ffi::OsStr;

/// A word, quoted for a shell: `sh` and those like it, or PowerShell on Windows.
pub fn shell_word(word: &OsStr) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%…=".contains(c);
    let text = word.to_string_lossy();
    if !text.is_empty() && !text.starts_with('=') && text.chars().all(plain) {
        return text.into_owned();
    }
    if cfg!(windows) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    if word.to_str().is_some() && !text.contains(char::is_control) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    // Only this form has a way to write what cannot be shown: sh has it since POSIX 2024.
    let mut out = "$'".to_owned();
    for &byte in word.as_encoded_bytes() {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn words_for_the_shell_stay_one_word() {
        use std::os::unix::ffi::OsStrExt;
        for (word, wanted) in [
            ("a/b.c", "a/b.c"),
            ("it's $x", r"'it'\''s $x'"),
            ("", "''"),
            ("~", "'~'"),
            ("=x", "'=x'"),
            ("k@kZMv…xvg", "k@kZMv…xvg"),
            ("postgres://h/d?a=b&c", "'postgres://h/d?a=b&c'"),
            ("a\nb", r"$'a\012b'"),
        ] {
            assert_eq!(shell_word(OsStr::new(word)), wanted);
        }
        assert_eq!(shell_word(OsStr::from_bytes(b"a\xff'")), r"$'a\377\''");
    }
}
