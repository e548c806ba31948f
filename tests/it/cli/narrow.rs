//! What people read on a narrow terminal: no line is wider, none breaks inside a word, and in a pipe each stays whole.

use crate::support::home::{Home, Town};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_reads_fits_their_terminal_and_breaks_inside_no_word() {
    let mut town = Town::demo().await;
    let user = town.logto.add_user("somebody-with-a-long-address@example.com");
    town.shop.buy(&"prd_01H9PRO".into(), &user);
    town.home.entitled(&["run", "--once"]).exits(0);
    let reason = "somebody looks into what the shop has said since yesterday, and nothing may be taken meanwhile";
    town.home.entitled(&["freeze", "--for", "1h", "--reason", reason]).exits(0);
    for command in ["status", "status --color always", &format!("why {user}"), &format!("history {user}")] {
        fits(&mut town.home, command);
    }
    fits(&mut town.home, &format!("freeze --for 2h --reason '{reason}'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_errors_and_what_mends_them_fit_as_well() {
    let mut town = Town::demo().await;
    let user = town.logto.add_user("somebody-with-a-long-address@example.com");
    town.shop.buy(&"prd_01H9PRO".into(), &user);
    town.home.entitled(&["run", "--once"]).exits(0);
    ["ENTITLED_PUBLIC_APP_ID", "APP_SECRET", "SHOP_TOKEN"].iter().for_each(|name| town.home.unset(name));
    for command in [&format!("why {user}"), "why nobody@example.com", "status"] {
        fits(&mut town.home, command);
    }
}

/// Shown on terminals of several widths, and in a pipe.
fn fits(home: &mut Home, command: &str) {
    let piped = home.program("/bin/sh", &["-c", &format!("{} {command} 2>&1", env!("CARGO_BIN_EXE_entitled"))]).out;
    for columns in [80, 50] {
        home.set("COLUMNS", &columns.to_string());
        let shown = home.on_terminal(command, "").out.replace("\u{1b}[0m", "");
        // Colours take no room.
        let shown: Vec<String> = shown.lines().map(plain).collect();
        let of_a_file =
            |line: &str| line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with(['|', '-']);
        let wide =
            |line: &&String| line.chars().count() > columns && line.split_whitespace().count() > 1 && !of_a_file(line);
        assert_eq!(shown.iter().find(wide), None, "{command} at {columns}");
        let piped = piped.lines().map(plain).collect::<Vec<_>>();
        assert!(piped.iter().any(|line| line.chars().count() > columns), "{command} has nothing to wrap: {piped:#?}");
        for word in piped
            .iter()
            .filter(|line| !of_a_file(line))
            .flat_map(|line| line.split_whitespace())
            .filter(|word| !changes(word))
        {
            let whole = shown.iter().any(|line| line.split_whitespace().any(|one| one == word));
            assert!(whole, "{command} at {columns} breaks `{word}`:\n{shown:#?}");
        }
    }
}

/// Without colours.
fn plain(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    first + &parts.filter_map(|part| part.split_once('m')).map(|(_, rest)| rest).collect::<String>()
}

/// What says how long ago something was, which goes on between two looks.
fn changes(word: &str) -> bool {
    // `just now` is `1s ago` by then.
    word.contains(|c: char| c.is_ascii_digit()) || matches!(word.trim_matches(['(', ')']), "just" | "now" | "ago")
}
