//! The answers of queries as audiences: what is asked, what comes, and what is refused.

use super::{
    cli::{ADA, BEN, CLEO, Sandbox},
    cluster::server,
    shop::{ALL, InShop as _, asking, messages, shop},
};

#[test]
fn each_type_becomes_the_same_cell_whatever_the_settings_of_the_database_are() {
    let database = server!(shop());
    let name = &database.name;
    for setting in [
        "DateStyle TO 'German'",
        "TimeZone TO 'Asia/Tokyo'",
        "IntervalStyle TO 'sql_standard'",
        "extra_float_digits TO -3",
        "bytea_output TO 'escape'",
        "default_transaction_isolation TO 'serializable'",
    ] {
        database.admin(&format!("ALTER DATABASE {name} SET {setting}"));
    }
    database.admin("CREATE TYPE plan AS ENUM ('free', 'pro'); CREATE DOMAIN seats AS int");
    let project = asking(&format!(
        "-- a comment; with a semicolon\nSELECT '{ADA}' AS visitor_id, 7::int2 AS small, 9223372036854775807 AS large, \
         9.50::numeric AS price, 0.1::float4 AS single, 0.30000000000000004::float8 AS double, 1e-7::float8 AS tiny, \
         true AS yes, false AS no, date '2026-12-01' AS day, \
         timestamptz '2026-12-01 09:00:00.5+02' AS instant, timestamp '2026-12-01 09:00' AS local, \
         interval '1 day 2 hours' AS span, '\\x00ff'::bytea AS bytes, 'pro'::plan AS plan, 4::seats AS chairs, \
         ARRAY[1, 2] AS list, '{{\"a\": 1}}'::jsonb AS json, NULL::int AS nothing, '' AS empty, \
         E'two\\r\\nlines' AS text, $$it's; fine$$ AS quoted, 'x' AS \"First Name\";\n"
    ));
    let shown = project.run("audience show trial --format json").of(&database).ok().json();
    let cells = &shown["rows"][0]["cells"];
    assert_eq!(shown["rows"][0]["visitor"], ADA);
    let expected = serde_json::json!({
        "small": 7, "large": i64::MAX, "price": 9.5, "single": 0.1, "double": 0.300_000_000_000_000_04,
        "tiny": 0.000_000_1, "yes": true, "no": false, "day": "2026-12-01",
        "instant": "2026-12-01T07:00:00.5Z", "local": "2026-12-01T09:00:00Z", "span": "P1DT2H",
        "bytes": "\\x00ff", "plan": "pro", "chairs": 4, "list": "{1,2}", "json": "{\"a\": 1}",
        "nothing": null, "empty": null, "text": "two\nlines", "quoted": "it's; fine", "First Name": "x",
    });
    assert_eq!(cells, &expected);
}

#[test]
fn columns_are_typed_as_the_database_says_unless_the_manifest_says_otherwise() {
    let database = server!(shop());
    let project = asking(
        "SELECT visitor_id, name, seats, true AS vip, date '2026-12-01' AS since, '7' AS level FROM users",
    );
    messages(
        &project,
        ", columns: { level: integer, since: text }",
        "note: { from: support, to: { audience: trial, where: \"seats > 3 and vip and level == 7\" }, text: \"{{ name }} {{ since }}\" }",
    );
    let plan = project.run("plan --format json").of(&database).ok().json();
    assert_eq!(plan["changes"].as_array().expect("changes").len(), 1, "{plan}");
    assert_eq!(plan["changes"][0]["visitor"], BEN);
    // A text is not compared with a number.
    messages(
        &project,
        "",
        "note: { from: support, to: { audience: trial, where: \"level > 3\" }, text: Hello }",
    );
    project.run("validate").of(&database).exits(1).says(&["type-mismatch"]);
}

#[test]
fn what_is_not_one_select_is_refused_and_changes_nothing() {
    let database = server!(shop());
    database.admin(
        "CREATE FUNCTION add() RETURNS text LANGUAGE sql AS $$ INSERT INTO users VALUES ('x') RETURNING visitor_id $$;
         CREATE PROCEDURE done() LANGUAGE sql AS $$ DELETE FROM users $$",
    );
    for (sql, says) in [
        ("DELETE FROM users RETURNING visitor_id", "this is a DELETE statement"),
        (
            "/* SELECT */ UPDATE users SET name = '' RETURNING visitor_id",
            "this is an UPDATE statement",
        ),
        ("CALL done()", "this is a CALL statement"),
        ("DO $$ BEGIN DELETE FROM users; END $$", "this is a DO statement"),
        ("EXPLAIN ANALYZE DELETE FROM users", "this is an EXPLAIN statement"),
        ("COPY users TO PROGRAM 'cat'", "this is a COPY statement"),
        ("COMMIT", "this is a COMMIT statement"),
        ("SELECT visitor_id FROM users; DELETE FROM users", "more than one statement"),
        ("SELECT visitor_id FROM users; COMMIT; DELETE FROM users; --", "more than one statement"),
        ("SELECT 1) TO STDOUT; DELETE FROM users; COPY (SELECT 1", "SQLSTATE 42601"),
        ("SELECT visitor_id INTO copied FROM users", "gives no columns"),
        (
            "WITH gone AS (DELETE FROM users RETURNING *) SELECT visitor_id FROM gone",
            "SQLSTATE 25006",
        ),
        ("SELECT add() AS visitor_id", "SQLSTATE 25006"),
        ("SELECT visitor_id FROM users FOR UPDATE", "SQLSTATE 25006"),
        ("SELECT set_config('transaction_read_only', 'off', true) AS visitor_id", "SQLSTATE 25001"),
        ("SELECT visitor_id FROM users WHERE seats = $1", "has a parameter"),
        ("SELECT", "gives no columns"),
    ] {
        let project = asking(sql);
        project.run("plan").of(&database).exits(1).warns(&[says, "trial.sql:1:"]);
        let count = database.admin("SELECT count(*) FROM users").concat();
        assert_eq!(count, ["2"], "{sql}");
    }
    assert_eq!(database.admin("SELECT to_regclass('copied') IS NULL").concat(), ["t"]);
}

#[test]
fn harmless_signs_around_a_select_do_no_harm() {
    let database = server!(shop());
    for sql in [
        &*format!("\u{feff}{ALL};;\n-- the end"),
        "(SELECT visitor_id FROM users)",
        "TABLE users",
        "with a as (select * from users) select * from a;",
        "/* a /* nested */ comment; DELETE */\r\nselect visitor_id, $x$a; b$x$ as note from users\r\n;\r\n",
    ] {
        asking(sql).run("audience show trial --count").of(&database).ok().says(&["2\n"]);
    }
}

#[test]
fn columns_that_no_audience_can_have_are_refused_together_with_a_cure() {
    let database = server!(shop());
    let project = asking("SELECT visitor_id AS visitor, name, name, 1, ' ' AS \" x\" FROM users");
    project.run("validate").of(&database).exits(1).says(&[
        "the column `name` twice, as columns 2 and 3",
        "column 4 of this query has no name",
        "EXPRESSION AS name",
        "the name of column 5 has white space",
        "no column `visitor_id`",
        "`visitor AS visitor_id`",
    ]);
    let project = asking("SELECT now() AS visitor_id, name FROM users");
    project.run("validate").of(&database).exits(1).says(&["is of the type timestamptz"]);
}

#[test]
fn bad_rows_are_told_by_number_and_no_value_of_them_is_shown() {
    let database = server!(shop());
    database.admin(&format!(
        "TRUNCATE users; INSERT INTO users VALUES ('{ADA}', 'Ada', 1), (NULL, 'nobody', 1), ('', 'nobody', 1), \
         ('undefined', 'x', 1), (' {BEN}', 'x', 1), ('{CLEO}', E'a\\x07b', 1), ('{ADA}', 'again', 1)"
    ));
    let project = asking(&format!("{ALL} ORDER BY ctid"));
    let told = project.run("plan").of(&database).exits(1).warns(&[
        "`visitor_id` is NULL, in row 2 of the query's answer",
        "WHERE visitor_id IS NOT NULL",
        "`visitor_id` is empty, in row 3",
        "in row 4 of the query's answer",
        "remove the white space around the id",
        "`name` has a character that no text has, in row 6",
        "is here a second time, in row 7 of the query's answer; the first time was in row 1",
        "DISTINCT ON (visitor_id)",
    ]);
    told.never_says(&[ADA, BEN, CLEO, "nobody", "again"]);
    database.admin("TRUNCATE users; INSERT INTO users SELECT 'visitor-' || n, 'NaN', n FROM generate_series(1, 5) n");
    let project =
        asking("SELECT visitor_id, name::float8 AS ratio, -name::numeric AS other FROM users");
    project.run("plan").of(&database).exits(1).warns(&[
        "`ratio` is NaN, which is not a number, in 5 rows of the query's answer, first in row 1",
    ]);
}

#[test]
fn what_the_database_refuses_is_told_with_its_place_and_without_values() {
    let database = server!(shop());
    database.admin(
        "CREATE FUNCTION tell(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no % here', $1; END $$",
    );
    for (sql, says) in [
        ("SELECT visitor_id,\n  nme FROM users", "trial.sql:2:3"),
        ("SELECT visitor_id,\n  nme FROM users", "SQLSTATE 42703"),
        ("SELECT visitor_id FROM usres", "relation \"usres\" does not exist"),
        ("SELECT visitor_id FRM users", "SQLSTATE 42601"),
        (
            "SELECT visitor_id, name::int AS n FROM users",
            "invalid input syntax for type integer: \"…\"",
        ),
        ("SELECT tell(visitor_id) AS visitor_id FROM users", "SQLSTATE P0001"),
        ("SELECT visitor_id, seats / 0 AS n FROM users", "SQLSTATE 22012"),
        ("SELECT visitor_id, lower(1) AS n FROM users", "perhaps a cast is missing"),
    ] {
        let ran = asking(sql).run("plan").of(&database).exits(1).warns(&[says]);
        ran.never_says(&[ADA, BEN, "Ada", "Ben"]);
    }
}

#[test]
fn an_answer_without_rows_is_an_audience_without_visitors() {
    let database = server!(shop());
    let project = asking("SELECT visitor_id FROM users WHERE false");
    project.run("plan").of(&database).ok().warns(&["empty-audience"]).says(&["No changes"]);
    project.run("audience show trial --count").of(&database).ok().says(&["0\n"]);
}

#[test]
fn an_audience_is_shown_masked_in_a_pipe_and_whole_on_request() {
    let database = server!(shop());
    let project = asking(&format!(
        "SELECT visitor_id, name, 'with {ADA}' AS friend FROM users ORDER BY name DESC"
    ));
    let shown = project.run("audience show trial").of(&database).ok();
    shown.says(&["visitor_id,name,friend\n", "adaM…xvg,Ada,"]).never_says(&[ADA, BEN]);
    let whole = project.run("audience show trial --mask-visitors never").of(&database).ok();
    assert_eq!(
        whole.out,
        format!("visitor_id,name,friend\n{ADA},Ada,with {ADA}\n{BEN},Ben,with {ADA}\n")
    );
    let json = project.run("audience show trial --count --format json").of(&database).ok().json();
    assert_eq!(
        json,
        serde_json::json!({ "format": "pushsync/audience/1", "audience": "trial", "visitors": 2 })
    );
    project.run("audience show trail").of(&database).exits(1).warns(&["did you mean `trial`?"]);
}

#[test]
fn visitor_ids_are_made_from_the_users_of_a_query() {
    let database = server!(shop());
    database.admin(
        "CREATE TABLE accounts (user_id text, seats bigint);
         INSERT INTO accounts VALUES ('The quick brown fox jumps over the lazy dog', 3), ('1002', 5)",
    );
    let project = asking("SELECT user_id, seats FROM accounts");
    let visitor = ", visitor: { column: user_id, hmac_sha256: PUSHSYNC_VISITOR_SECRET }";
    let text = "note: { from: support, to: { audience: trial, where: \"seats < 5\" }, text: \"{{ user_id }}\" }";
    messages(&project, visitor, text);
    let run = |args: &str| project.run(args).of(&database).env("PUSHSYNC_VISITOR_SECRET", "key");
    let plan = run("plan --format json").ok().json();
    let changes = plan["changes"].as_array().expect("changes");
    assert_eq!(changes.len(), 1, "{plan}");
    // The vector of Wikipedia's page on HMAC.
    let id = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
    assert_eq!(changes[0]["visitor"], id);
    run("audience show trial").ok().never_says(&[id]).says(&["visitor_id,user_id,seats\n"]);
    project.run("plan").of(&database).exits(1).warns(&["PUSHSYNC_VISITOR_SECRET"]);
    project.run("validate").of(&database).ok();
    database.admin("INSERT INTO accounts VALUES ('1002', 7), (NULL, 1)");
    run("plan").exits(1).warns(&[
        "`user_id` is NULL, in row 4 of the query's answer",
        "is here a second time, in row 3 of the query's answer; the first time was in row 2",
        "DISTINCT ON (user_id)",
    ]);
    project.file("trial.sql", "SELECT 1.5::float8 AS user_id");
    run("plan").exits(1).warns(&["`user_id` is of the type float8, and ids are not"]);
}

#[test]
fn what_the_database_notes_on_the_way_is_in_no_log() {
    let database = server!(shop());
    database.admin(
        "CREATE FUNCTION note(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'about %', $1; RETURN $1; END $$",
    );
    let project = asking("SELECT note(visitor_id) AS visitor_id, name FROM users");
    for format in ["text", "json"] {
        let ran = project.run(&format!("plan -vv --log-format {format}")).of(&database).ok();
        ran.never_says(&[ADA, BEN, "about", "owner"]);
    }
}

#[test]
fn a_query_that_fails_or_is_suddenly_empty_never_deletes() {
    let database = server!(shop());
    let sandbox = Sandbox::start();
    let project = asking(ALL);
    let note = |more: &str| format!("note: {{ from: support, to: trial, text: Hello{more} }}");
    for leave in ["", ", on_leave: keep"] {
        messages(&project, "", &note(leave));
        project.with(&sandbox, "apply --yes").of(&database).ok();
        let (there, asked) = (sandbox.there(), sandbox.total());
        assert!(there.len() >= 2);
        let refused = |args: &str, words: &[&str]| {
            let ran = project.with(&sandbox, args).of(&database).exits(1);
            let said = format!("{}{}", ran.out, ran.err);
            assert!(words.iter().all(|word| said.contains(word)), "{args}: {said}");
        };
        // It fails, or it gives nothing.
        project.file("trial.sql", "SELECT visitor_id FROM nowhere");
        refused("apply --yes --allow-deletes all --allow-change note", &["nowhere"]);
        project.file("trial.sql", format!("{ALL} WHERE false"));
        let plan = project.with(&sandbox, "plan --format json --out plan.json").of(&database);
        let plan = plan.ok().json();
        assert_eq!(plan["diagnostics"][0]["code"], "empty-query", "{plan}");
        let reviewed = format!("apply --reviewed {}", plan["review"].as_str().expect("a digest"));
        let words = ["the query of `note` gave no rows", "2 deliveries", "--allow-change note"];
        for args in ["apply --yes --allow-deletes all", "apply plan.json", &reviewed] {
            refused(args, &words);
        }
        assert_eq!((sandbox.there(), sandbox.total()), (there, asked), "nothing was sent");
        // Somebody says that it is meant.
        let meant = "apply plan.json --allow-change note --allow-deletes all";
        project.with(&sandbox, meant).of(&database).ok();
        project.file("trial.sql", ALL);
    }
    // No approval of a rollout ends, either.
    messages(&project, "", "more: { from: support, to: trial, text: Hello }");
    project.with(&sandbox, "apply --yes --max-requests 1").of(&database).exits(3);
    let asked = sandbox.total();
    project.file("trial.sql", format!("{ALL} WHERE false"));
    project.with(&sandbox, "apply --resume").of(&database).exits(1).warns(&["gave no rows"]);
    project.file("trial.sql", ALL);
    project.with(&sandbox, "apply --resume").of(&database).ok();
    assert_eq!(sandbox.total(), asked + 1);
}

#[test]
fn expectations_of_a_query_are_told_by_row_and_without_its_values() {
    let database = server!(shop());
    let project = asking(ALL);
    let note = "note: { from: support, to: trial, text: Hello }";
    let expect = ", expect: { rows: 2.., columns: { name: [Ada], seats: [3, 5] } }";
    messages(&project, expect, note);
    let ran = project.run("plan").of(&database).exits(1);
    ran.warns(&["1 of 2 cells of `name` is not among", "of the query's answer"])
        .never_says(&["Ben", "`seats`"]);
    messages(&project, ", expect: { rows: 3..9, columns: { nmae: required } }", note);
    let words = ["2 visitors", "from 3 to 9", "did you mean `name`?"];
    project.run("plan").of(&database).exits(1).warns(&words);
    // Nobody knows the rows of a query that did not run.
    project.run("validate --offline").ok();
}
