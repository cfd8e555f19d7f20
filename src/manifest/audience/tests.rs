use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{diagnostics::Diagnostic, manifest::limits::Limits};

fn csv(text: &str) -> Result<Table, Vec<Diagnostic>> {
    Table::from_csv(
        &"a.csv".into(),
        text.as_bytes(),
        (CsvFormat::default(), &RowRules::default()),
        &Limits::default(),
    )
}

fn problems(text: &str) -> Vec<String> {
    let all = csv(text).expect_err("a problem");
    all.iter()
        .map(|d| {
            let place = d.place.as_ref().expect("a place");
            format!("{}:{} {}", place.line, place.column, d.message)
        })
        .collect()
}

#[test]
fn rows_come_in_the_order_of_their_ids_and_keep_their_lines() {
    let table =
        csv("name,visitor_id,plan\r\nLiz,v2,\"a, \"\"b\"\"\"\r\n\r\nTom,v1,\r\n").expect("valid");
    assert_eq!(table.visitors().collect::<Vec<_>>(), ["v1", "v2"]);
    assert_eq!(table.columns().collect::<Vec<_>>(), ["name", "plan"]);
    let liz = table.row(1);
    assert_eq!(table.cell(liz, table.column("plan").expect("there")), "a, \"b\"");
    assert_eq!(table.cell(table.row(0), 2), "");
    assert_eq!((table.place(liz).line, table.place(table.row(0)).line), (2, 4));
    assert_eq!(table.column("visitor_id"), None);
    assert_eq!(table.find("v2"), Some(1));
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(csv("\u{feff}visitor_id\nv1\n").expect("valid").len(), 1);
}

#[test]
fn every_bad_row_is_reported() {
    assert_eq!(
        problems("visitor_id,name\nv1\nv 2,x\nv3,x,y\n,x\nv4,z\nv4,z\n"),
        [
            "2:1 this row has 1 cell, the header has 2",
            "3:1 a visitor id has no white space, control or invisible characters, this one has ' '",
            "4:1 this row has 3 cells, the header has 2",
            "5:1 a visitor id must not be empty",
            "7:1 the visitor … is here a second time",
        ]
    );
}

#[test]
fn a_csv_file_needs_a_header_row_with_each_name_once() {
    assert_eq!(
        problems(""),
        ["1:1 this CSV file is empty: it needs a header row with `visitor_id`"]
    );
    assert_eq!(problems("name,visitorId\n"), ["1:6 there is no column `visitor_id`"]);
    assert_eq!(
        problems("visitor_id,a,a,\n"),
        ["1:14 the column `a` is here a second time", "1:16 this column has no name"]
    );
    let semicolon = csv("visitor_id;name\nv1;x\n").expect_err("a problem");
    assert!(semicolon[0].help.as_ref().is_some_and(|help| help.contains("commas")));
}

#[test]
fn an_unclosed_quote_does_not_swallow_the_rest() {
    assert_eq!(problems("visitor_id,name\nv1,\"Liz\nv2,Tom\n"), ["2:4 this quote is never closed"]);
}

#[test]
fn a_file_that_is_not_utf8_names_the_byte() {
    let bytes = b"visitor_id,name\nv1,L\xeez\n";
    let all = Table::from_csv(
        &"a.csv".into(),
        *bytes,
        (CsvFormat::default(), &RowRules::default()),
        &Limits::default(),
    )
    .expect_err("a problem");
    assert_eq!(all[0].message, "byte 20 (0xee) is not UTF-8");
    assert_eq!(all[0].place.as_ref().map(|p| (p.line, p.column)), Some((2, 5)));
}

fn users(secret: &str, length: usize, text: &str) -> Result<Table, Vec<Diagnostic>> {
    let derivation = Derivation::new("SECRET", length, &secret.to_owned().into());
    let visitor = VisitorRule { column: "user_id".into(), derivation: Some(derivation) };
    let rules = RowRules { visitor, ..RowRules::default() };
    let format = CsvFormat::default();
    Table::from_csv(&"a.csv".into(), text.as_bytes(), (format, &rules), &Limits::default())
}

#[test]
fn ids_are_the_hmac_of_user_ids_cut_to_their_length() {
    // RFC 4231, test case 2.
    let hmac = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    for length in [16, 32, 63, 64] {
        let file = "user_id,name\nwhat do ya want for nothing?,x\n";
        let table = users("Jefe", length, file).expect("valid");
        assert_eq!(table.visitors().collect::<Vec<_>>(), [&hmac[..length]]);
        // The user's id is a column like others.
        assert_eq!(table.columns().collect::<Vec<_>>(), ["user_id", "name"]);
        assert_eq!(
            table.cell(0, table.column("user_id").expect("there")),
            "what do ya want for nothing?"
        );
        assert_eq!(table.cell(0, table.column("name").expect("there")), "x");
        assert!(table.column("\0").is_none() && table.secret().is_some());
    }
}

#[test]
fn ids_are_those_that_websites_make() {
    let vectors = include_str!("../../../tests/fixtures/visitor-ids/vectors.tsv");
    for line in vectors.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [secret, user, length, visitor] = cells[..] else { panic!("{line}") };
        let text = format!("user_id\n\"{}\"\n", user.replace('"', "\"\""));
        let table = users(secret, length.parse().expect("a number"), &text).expect(line);
        assert_eq!(table.visitors().collect::<Vec<_>>(), [visitor], "{user}");
    }
}

#[test]
fn a_user_who_comes_twice_is_told_by_the_users_id() {
    let twice =
        users("secret", 16, "user_id\nannabelle.x\nben\nannabelle.x\n").expect_err("a problem");
    assert_eq!(twice[0].message, "the user an….x is here a second time");
    assert_eq!(twice[0].place.as_ref().map(|place| place.line), Some(4));
}

#[test]
fn another_secret_has_another_fingerprint_and_the_secret_is_never_shown() {
    let of = |secret: &str| users(secret, 64, "user_id\n1\n").expect("valid").secret();
    assert_eq!(of("hush"), of("hush"));
    assert_ne!(of("hush"), of("hush!"));
    let derivation = Derivation::new("SECRET", 64, &"hush".to_owned().into());
    assert!(!format!("{derivation:?}").contains("hush"));
}

#[test]
fn cells_that_count_as_empty_are_empty_wherever_they_stand() {
    let rules = RowRules { missing: ["NULL".into(), "\\N".into()].into(), ..RowRules::default() };
    let text = "visitor_id,a,b\nv1,NULL,null\nv2,\"NULL\",\\N\n";
    let format = CsvFormat::default();
    let table =
        Table::from_csv(&"a.csv".into(), text.as_bytes(), (format, &rules), &Limits::default());
    let table = table.expect("valid");
    assert_eq!([1, 2].map(|column| table.cell(0, column)), ["", "null"]);
    assert_eq!([1, 2].map(|column| table.cell(1, column)), ["", ""]);
    let text = "visitor_id,a\nNULL,x\n";
    let all =
        Table::from_csv(&"a.csv".into(), text.as_bytes(), (format, &rules), &Limits::default());
    assert!(all.expect_err("a problem")[0].message.contains("counts as empty"));
}

/// Whether a file in this encoding would be taken for one in UTF-8.
fn looks_like_utf8(bytes: &[u8]) -> bool {
    !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok()
}

/// A text in an encoding, with the mark that files in it begin with.
fn encoded(text: &str, encoding: &'static encoding_rs::Encoding, mark: bool) -> Option<Vec<u8>> {
    let text = if mark { format!("\u{feff}{text}") } else { text.to_owned() };
    if encoding == encoding_rs::UTF_16LE {
        return Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    }
    if encoding == encoding_rs::UTF_16BE {
        return Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    let (bytes, _, lost) = encoding.encode(&text);
    (!lost).then(|| bytes.into_owned())
}

#[test]
fn a_wrong_byte_is_counted_with_the_mark_and_its_column_without() {
    let bytes = b"\xef\xbb\xbfvisitor_id,n\xeeme\n".to_vec();
    let rules = RowRules::default();
    let all =
        Table::from_csv(&"a.csv".into(), bytes, (CsvFormat::default(), &rules), &Limits::default());
    let problem = &all.expect_err("a problem")[0];
    assert_eq!(problem.message, "byte 15 (0xee) is not UTF-8");
    assert_eq!(problem.place.as_ref().map(|place| (place.line, place.column)), Some((1, 13)));
}

/// What the reader of CSV finds, without the table.
fn as_read(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(true).from_reader(text.as_bytes());
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| row.iter().map(str::to_owned).collect()).collect()
}

#[test]
fn of_rows_with_the_same_problem_some_are_shown_and_the_others_are_counted() {
    let mut text = "visitor_id,name\n".to_owned();
    for row in 0..1000 {
        text.push_str(if row % 2 == 0 { "v 1,x\n" } else { "v1\n" });
    }
    let problems = problems(&text);
    assert_eq!(problems.len(), 8, "{problems:?}");
    let counted = "497 more rows, first this one: this row has 1 cell, the header has 2";
    assert!(problems.contains(&format!("9:1 {counted}")), "{problems:?}");
}

#[test]
fn line_breaks_in_cells_are_the_same_in_every_checkout() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["visitor_id,name", "v1,\"Ada", "Lovelace\"", "v2,x", ""].join(end);
        let table = csv(&text).expect("valid");
        assert_eq!(table.cell(0, 1), "Ada\nLovelace", "{end:?}");
        assert_eq!(table.place(1).line, 4);
    }
}

#[test]
fn rows_of_nothing_but_delimiters_are_passed_over() {
    let table = csv("visitor_id,name\n,\n , \n,,,\n\"\",\"\"\nv1,x\n \n\t,\n").expect("valid");
    assert_eq!(table.visitors().collect::<Vec<_>>(), ["v1"]);
}

#[test]
fn a_quote_that_is_closed_by_another_row_is_told_where_it_opens() {
    let told = "the quote that opens here goes on to line 4, and text follows where it is closed";
    assert_eq!(
        problems("visitor_id,name\nv1,\"Liz\nv2,Tom\nv3,\"Ada\"\nv4\n"),
        [format!("2:4 {told}"), "5:1 this row has 1 cell, the header has 2".to_owned()]
    );
}

#[test]
fn a_cell_with_other_rows_in_it_is_an_error_and_an_address_in_lines_is_not() {
    let told =
        "a quoted cell goes on from line 2 to line 3, and what is in it looks like other rows";
    assert_eq!(problems("visitor_id,name\nv1,\"Liz\nv2,Tom\"\nv3,x\n"), [format!("2:1 {told}")]);
    csv("visitor_id,home\nv1,\"7 Elm Street\nSpringfield, IL\"\n").expect("valid");
}

#[test]
fn characters_that_no_text_has_are_told_once_a_row() {
    assert_eq!(
        problems("visitor_id,name\nv1,a\u{7}b\u{7}\nv2,\ta\nv3,\u{fffd}\n\u{0}v4,x\n"),
        [
            "2:5 this row has a control character (U+0007)",
            "4:4 this row has the sign for a letter that was lost (U+FFFD)",
            "5:1 this row has a NUL character (U+0000)",
        ]
    );
}

proptest! {
    #[test]
    fn a_table_reads_back_the_same_with_any_delimiter_in_any_encoding_with_any_quotes(
        rows in vec(vec("[ab,;|\t\" \näßЖ日€\u{2019}0-9=]{0,6}", 3), 0..8),
        delimiter in select(vec![b',', b';', b'\t', b'|']),
        label in select(vec![
            "utf-8", "utf-16le", "utf-16be", "windows-1252", "windows-1251", "iso-8859-15", "macintosh", "shift_jis",
            "gb18030", "euc-kr", "big5", "iso-2022-jp",
        ]),
        terminator in select(vec!["\n", "\r\n", "\r"]),
        always in any::<bool>(),
        mark in any::<bool>(),
    ) {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).expect("a label");
        let sign = char::from(delimiter);
        // What the encoding does not have is left out.
        let keeps = |c: &char| encoded(&c.to_string(), encoding, false).is_some();
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| cell.chars().filter(keeps).collect()).collect()).collect();
        let write = |cell: &str| match always || cell.contains([sign, '"', '\n']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.to_owned(),
        };
        let mut lines = vec!["one|visitor_id|two|three".replace('|', &sign.to_string())];
        for (number, row) in rows.iter().enumerate() {
            let id = format!("visitor-{number:04}");
            let cells = [write(&row[0]), write(&id), write(&row[1]), write(&row[2])];
            lines.push(cells.join(&sign.to_string()));
        }
        let text = lines.join("\n").replace('\n', terminator) + terminator;
        let mark = mark && label.starts_with("utf");
        let bytes = encoded(&text, encoding, mark).expect("it has all of them");
        prop_assume!(!(encoding.is_single_byte() && looks_like_utf8(&bytes)));
        let format = CsvFormat { delimiter, encoding, fixed: false };
        let table = Table::from_csv(&"a.csv".into(), bytes, (format, &RowRules::default()), &Limits::default());
        let table = table.map_err(|all| TestCaseError::fail(format!("{all:?} in {text:?}")))?;
        prop_assert_eq!(table.len(), rows.len());
        for (row, cells) in (0_u32..).zip(&rows) {
            let found = [0, 2, 3].map(|column| table.cell(row, column));
            prop_assert!(found.iter().eq(cells), "{found:?} {cells:?}");
        }
    }

    #[test]
    fn cells_are_what_the_reader_of_csv_finds(
        rows in vec(("[ab]{0,3}[a-c,]{0,9}", vec("[a\u{e9}\", \r\n]{0,6}", 2)), 0..12),
        terminator in select(vec!["\n", "\r\n", "\r", "\n\n"]),
        always in any::<bool>(),
        last in any::<bool>(),
    ) {
        let write = |cell: &str| {
            if always || cell.contains([',', '"', '\r', '\n']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell.to_owned()
            }
        };
        let mut text = format!("one,visitor_id,two{terminator}");
        let mut ids = std::collections::BTreeSet::new();
        for (number, (id, cells)) in rows.iter().enumerate() {
            let id = format!("{id}{}", if ids.insert(id) { "_".to_owned() } else { number.to_string() });
            let row = [write(&cells[0]), write(&id), write(&cells[1])].join(",");
            text.push_str(&row);
            text.push_str(terminator);
        }
        if last && !rows.is_empty() {
            text.truncate(text.len() - terminator.len());
        }
        // Line breaks inside cells are those of the checkout.
        let mut expected = as_read(&text);
        for cell in expected.iter_mut().flatten() {
            *cell = cell.replace("\r\n", "\n").replace('\r', "\n");
        }
        expected.sort_by(|a, b| a[1].as_bytes().cmp(b[1].as_bytes()));
        let table = csv(&text).map_err(|all| TestCaseError::fail(format!("{all:?}")))?;
        let cells = |at| (0..3).map(|column| table.cell(table.row(at), column).to_owned()).collect();
        let found: Vec<Vec<String>> = (0..table.len()).map(cells).collect();
        for (at, row) in expected.iter().enumerate() {
            prop_assert_eq!(table.find(&row[1]), Some(at));
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn ids_are_in_the_order_of_their_bytes_whatever_they_have_in_common(
        start in "[a-z]{0,12}", ends in proptest::collection::btree_set("[(-_a-z\u{e9}]{1,20}", 0..20),
        seed in any::<u64>(),
    ) {
        let mut expected: Vec<String> = ends.iter().map(|end| format!("{start}{end}_")).collect();
        let mut shuffled = expected.clone();
        shuffled.sort_by_key(|id| blake3::hash(format!("{seed}{id}").as_bytes()).as_bytes().to_owned());
        let file = crate::manifest::SourceFile::new("a.yaml".into(), String::new());
        let source = crate::manifest::SourcePath::root(&std::sync::Arc::new(file));
        let table = Table::from_list(&shuffled, source).map_err(|_| TestCaseError::fail("a problem"))?;
        expected.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        prop_assert_eq!(table.visitors().collect::<Vec<_>>(), expected);
    }
}
