use super::*;

fn csv(text: &str) -> Result<Table, Vec<Diagnostic>> {
    Table::from_csv(&"a.csv".into(), text.as_bytes())
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
fn headers_are_checked() {
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
    let all = Table::from_csv(&"a.csv".into(), bytes).expect_err("a problem");
    assert_eq!(all[0].message, "byte 20 (0xee) is not UTF-8");
    assert_eq!(all[0].place.as_ref().map(|p| (p.line, p.column)), Some((2, 5)));
}
