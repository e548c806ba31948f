//! How SQLite finds what each statement asks for: nothing looks at every row of a table that grows, but for what is
//! listed here with a reason.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Row as _, SqliteConnection};

use super::Home;
use crate::tidy::files;

/// Tables that grow with what is sold and with what is done about it. All others are as long as the file is, as the
/// shop's list of products, or as what is under way.
const GROWING: [&str; 15] = [
    "orders",
    "items",
    "buyers",
    "ledger",
    "audit",
    "runs",
    "foreign_grants",
    "odd",
    "marks",
    "checks",
    "backing",
    "approvals",
    "approved_actions",
    "freezes",
    "released",
];

/// Statements that look at a whole table of those, by file and beginning, and why they may.
const WHOLE: [(&str, &str, &str); 14] = [
    (
        "buyers.rs",
        "SELECT key, claimed, email, resolution, user, candidates, checked_at, bound, asked_at FROM buyers ORDER",
        FULL,
    ),
    ("ledger.rs", "SELECT l.user, l.target, l.ownership", FULL),
    ("foreign.rs", "SELECT user, target, first_seen, explained FROM foreign_grants WHERE ?1", FULL),
    ("purchases.rs", "SELECT (SELECT coalesce(max(key), 0) FROM orders), (SELECT count(*) FROM items)", FULL),
    ("renamed.rs", "SELECT source, count(*) FROM ledger", FULL),
    ("manual.rs", "SELECT user, target FROM released WHERE ?1 IS NULL", FULL),
    ("ledger.rs", "SELECT target, count(*) FROM ( SELECT user, target FROM ledger WHERE since", LIMITED),
    ("day.rs", "SELECT target, count(*), 0 FROM ledger", LIMITED),
    ("day.rs", "SELECT target, since, 0 FROM ledger", LIMITED),
    ("verify.rs", "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM buyers)", ASKED_FOR),
    ("verify.rs", "SELECT l.user, l.target FROM ledger l", ASKED_FOR),
    ("ledger.rs", "SELECT DISTINCT user FROM ledger", ASKED_FOR),
    ("renamed.rs", "SELECT l.source, s.address, count(*)", ASKED_FOR),
    ("renamed.rs", "UPDATE items SET product", ONCE),
];

const FULL: &str = "a full pass compares everybody";
const LIMITED: &str = "asked only where a plan has something that a limit is for";
const ASKED_FOR: &str = "a person asks for it";
const ONCE: &str = "done once, when the file says so";

/// The statements in a file of the store, on one line each. What is only put together while the program runs is
/// written there in one piece, or adds rows to a table.
fn statements(text: &str, macros: &BTreeMap<String, String>) -> Vec<String> {
    let text = text.split("\n#[cfg(test)]\n").next().unwrap();
    let without_macros = text.split("macro_rules! ").enumerate().map(|(at, part)| match at {
        0 => part,
        _ => part.split_once("\n}\n").unwrap().1,
    });
    let text: String = without_macros.collect();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.map(|line| format!("{line}\n")).collect();
    let mut found = Vec::new();
    let mut rest = &*code;
    while let Some(at) = rest.find(['"', 'c']) {
        rest = &rest[at..];
        let piece = if rest.starts_with('"') {
            let (piece, after) = literal(rest);
            rest = after;
            piece
        } else if let Some(inner) = rest.strip_prefix("concat!(") {
            let (piece, after) = joined(inner, macros);
            rest = after;
            piece
        } else {
            rest = &rest[1..];
            continue;
        };
        let piece = piece.split_whitespace().collect::<Vec<_>>().join(" ");
        let word = piece.split(' ').next().unwrap_or_default();
        if matches!(word, "SELECT" | "INSERT" | "UPDATE" | "DELETE") && piece.contains(' ') {
            found.push(piece);
        }
    }
    found
}

/// The literal that a text begins with, and what follows it.
fn literal(text: &str) -> (String, &str) {
    let mut said = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (said, &text[at + 1..]),
            '\\' => said.extend(chars.next().map(|(_, escaped)| escaped).filter(|escaped| *escaped != '\n')),
            _ => said.push(char),
        }
    }
    panic!("a literal without an end: {text}");
}

/// What `concat!(` joins, up to its `)`.
fn joined<'a>(mut rest: &'a str, macros: &BTreeMap<String, String>) -> (String, &'a str) {
    let mut said = String::new();
    loop {
        rest = rest.trim_start_matches([' ', '\n', ',']);
        if let Some(after) = rest.strip_prefix(')') {
            return (said, after);
        }
        if rest.starts_with('"') {
            let (piece, after) = literal(rest);
            said.push_str(&piece);
            rest = after;
        } else if let Some((name, after)) = rest.split_once("!(") {
            let (argument, after) = joined(after, macros);
            said.push_str(&macros[name].replace("$config", &argument));
            rest = after;
        } else {
            // The parameter of a macro, which is put in where it is named.
            let end = rest.find([',', ')', '\n']).unwrap();
            said.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
}

/// What each macro of the store stands for, those first that others name.
fn macros(sources: &[crate::tidy::File]) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for name in ["VERSION", "LEDGER", "AUDIT"] {
        let head = format!("macro_rules! {name} {{");
        let text = sources.iter().find_map(|file| file.text.split_once(&head)).unwrap().1;
        let (piece, _) = joined(text.split_once("concat!(").unwrap().1, &known);
        known.insert(name.to_owned(), piece);
    }
    known
}

/// Every statement of the store, with the file that it stands in.
fn all() -> Vec<(String, String)> {
    let sources: Vec<_> = files("src/store").into_iter().filter(|file| file.path.ends_with(".rs")).collect();
    let macros = macros(&sources);
    let of_file = |file: &crate::tidy::File| {
        let name = file.path.trim_start_matches("src/store/").to_owned();
        statements(&file.text, &macros).into_iter().map(move |sql| (name.clone(), sql)).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of_file).collect()
}

/// The tables of a statement by what it calls them.
fn called(sql: &str) -> BTreeMap<&str, &str> {
    let words: Vec<&str> = sql.split([' ', '(', ')', ',']).filter(|word| !word.is_empty()).collect();
    let mut called = BTreeMap::new();
    for (at, word) in words.iter().enumerate() {
        if matches!(*word, "FROM" | "JOIN" | "INTO" | "UPDATE" | "IGNORE")
            && let Some(table) = words.get(at + 1)
        {
            called.insert(*table, *table);
            if let Some(name) = words.get(at + 2).filter(|name| name.chars().all(|c| c.is_ascii_lowercase())) {
                called.insert(*name, *table);
            }
        }
    }
    called
}

/// What a statement looks at from end to end, by SQLite's own word, where that is a table that grows. An index of some
/// of the rows is as long as those are; what ends with the first rows in the order of an index looks at those only.
async fn scanned(connection: &mut SqliteConnection, sql: &str, partial: &BTreeSet<String>) -> Vec<String> {
    let asked = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = sqlx::query(asked).fetch_all(connection).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let steps: Vec<String> = rows.iter().map(|row| row.get::<String, _>("detail")).collect();
    let end = sql.rsplit(')').next().unwrap_or_default();
    let ends_early =
        end.contains("ORDER BY ") && end.contains(" LIMIT ") && !steps.iter().any(|step| step.contains("TEMP B-TREE"));
    let called = called(sql);
    let scans = steps.iter().filter(|step| {
        // The highest or lowest of what fits is said to be searched for, also where there is no index by which to.
        let without = sql.contains(" WHERE ") && !step.contains(" USING ");
        let rest = step.strip_prefix("SCAN ").or_else(|| step.strip_prefix("SEARCH ").filter(|_| without));
        let Some(rest) = rest else { return false };
        let (name, by) = rest.split_once(" USING ").unwrap_or((rest, ""));
        let index = by.rsplit(' ').next().unwrap_or_default();
        let is_bounded = partial.contains(index) || ends_early;
        let grows = called.get(name).is_some_and(|table| GROWING.contains(table));
        grows && !is_bounded
    });
    scans.cloned().collect()
}

#[tokio::test]
async fn no_statement_looks_at_every_row_of_what_grows() {
    let home = Home::new();
    home.store().await.close().await;
    let mut raw = home.raw().await;
    sqlx::query("CREATE TEMP TABLE outdated (key INTEGER)").execute(&mut raw).await.unwrap();
    let partial = sqlx::query("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'");
    let partial: BTreeSet<String> = partial.fetch_all(&mut raw).await.unwrap().iter().map(|row| row.get(0)).collect();
    let all = all();
    assert!(all.len() > 150, "only {} statements are found", all.len());
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (file, sql) in &all {
        // Completed while the program runs, by rows or by the name of a table.
        if (sql.starts_with("INSERT") && sql.ends_with(')') && !sql.contains("VALUES") && !sql.contains("SELECT"))
            || sql.contains('{')
        {
            continue;
        }
        let scans = scanned(&mut raw, sql, &partial).await;
        if scans.is_empty() {
            continue;
        }
        match WHOLE.iter().position(|(of, start, _)| of == file && sql.starts_with(start)) {
            Some(at) => _ = used.insert(at),
            None => wrong.push(format!("{file}: {scans:?}\n  {sql}")),
        }
    }
    assert!(wrong.is_empty(), "{} look at every row:\n{}", wrong.len(), wrong.join("\n"));
    let idle: Vec<_> = WHOLE.iter().enumerate().filter(|(at, _)| !used.contains(at)).map(|(_, one)| one).collect();
    assert!(idle.is_empty(), "these do not, and need no reason: {idle:?}");
}

#[test]
fn statements_are_found_as_they_are_run() {
    let macros = [("VERSION".to_owned(), "coalesce($config, '')".to_owned())].into();
    let text = "// \"SELECT not this\"\nlet a = query(\"SELECT 1\n   FROM \\\"t\\\"\");\n\
                concat!(\"SELECT \", VERSION!(\"l.config\"), \"\n FROM l\").bind(\"none\")";
    assert_eq!(statements(text, &macros), ["SELECT 1 FROM \"t\"", "SELECT coalesce(l.config, '') FROM l"]);
    let tables = [("b", "buyers"), ("buyers", "buyers"), ("o", "orders"), ("orders", "orders")].into();
    assert_eq!(called("SELECT 1 FROM buyers b CROSS JOIN orders o ON o.buyer = b.key"), tables);
}
