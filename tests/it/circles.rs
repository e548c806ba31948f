//! No two files of `src` need each other, unless one is the parent of the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::{code, files};

/// A module by its path: `["store", "ledger"]` for `src/store/ledger.rs`.
type Module = Vec<String>;

/// What a module names, by its own short name: of `use super::plan::Change as Was` the path behind `Was`.
type Names = BTreeMap<String, Vec<String>>;

struct Tree {
    code: BTreeMap<Module, String>,
    names: BTreeMap<Module, Names>,
}

impl Tree {
    /// From paths below `src` and what stands in them.
    fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut tree = Self { code: BTreeMap::new(), names: BTreeMap::new() };
        for (path, text) in files {
            let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
            let module: Module = if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() };
            let code = code(text);
            tree.names.insert(module.clone(), names(&code));
            tree.code.insert(module, code);
        }
        tree
    }

    /// Where a path leads to that stands in `from`: to the file of what it names, and not to one that hands it on.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<Module> {
        let up = path.iter().take_while(|part| *part == "super").count();
        let child = |at: &[String], name: &String| [at, std::slice::from_ref(name)].concat();
        let (mut at, mut rest) = match path.first()?.as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (from.to_vec(), &path[1..]),
            "super" => (from[..from.len().checked_sub(up)?].to_vec(), &path[up..]),
            _ if self.code.contains_key(&child(from, &path[0])) => (from.to_vec(), path),
            _ => return None,
        };
        while let Some(name) = rest.first() {
            if self.code.contains_key(&child(&at, name)) {
                at.push(name.clone());
                rest = &rest[1..];
                continue;
            }
            let Some(behind) = self.names.get(&at).and_then(|names| names.get(name)).filter(|_| depth < 8) else {
                break;
            };
            let behind: Vec<String> = behind.iter().chain(&rest[1..]).cloned().collect();
            // What comes from another crate is named here.
            return self.resolve(&at, &behind, depth + 1).or(Some(at));
        }
        Some(at)
    }

    /// Which modules each module names.
    fn arrows(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let arrows = self.code.iter().map(|(module, code)| {
            let named = paths(code).into_iter().filter_map(|path| self.resolve(module, &path, 0));
            (module.clone(), named.filter(|other| other != module && !other.is_empty()).collect())
        });
        arrows.filter(|(module, _): &(Module, _)| !module.is_empty()).collect()
    }
}

/// Every circle of these arrows, through each module in one the shortest.
fn circles(mut arrows: BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    // Who needs nobody that is left is in no circle.
    loop {
        let left: BTreeSet<Module> =
            arrows.iter().filter(|(_, named)| !named.is_empty()).map(|(module, _)| module.clone()).collect();
        if left.len() == arrows.len() {
            break;
        }
        arrows.retain(|module, _| left.contains(module));
        for named in arrows.values_mut() {
            named.retain(|other| left.contains(other));
        }
    }
    let mut circles = BTreeSet::new();
    for start in arrows.keys() {
        // The shortest way back, in breadth.
        let mut came: BTreeMap<&Module, &Module> = BTreeMap::new();
        let mut open = std::collections::VecDeque::from([start]);
        while let Some(at) = open.pop_front() {
            for next in arrows.get(at).into_iter().flatten().filter(|next| !came.contains_key(next)).collect::<Vec<_>>()
            {
                came.insert(next, at);
                open.push_back(next);
            }
        }
        let Some(mut at) = came.get(start).copied() else { continue };
        let mut circle = vec![start];
        while at != start {
            circle.push(at);
            at = came[at];
        }
        let first = circle.iter().enumerate().min_by_key(|(_, module)| **module).map_or(0, |(at, _)| at);
        circle.rotate_left(first);
        circle[1..].reverse();
        circles.insert(circle.iter().map(|module| module.join("/")).collect::<Vec<_>>().join(" -> "));
    }
    circles.into_iter().collect()
}

/// Every path in a text, with its braces taken apart.
fn paths(code: &str) -> Vec<Vec<String>> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find("::").map(|at| at + from) {
        let begin =
            code[from..at].rfind(|c| !is_part(c)).map_or(from, |before| code.ceil_char_boundary(from + before + 1));
        let length = tail(&code[begin..]);
        found.extend(parts(&code[begin..begin + length]).iter().map(|path| steps(path).0));
        from = (begin + length).max(at + 2);
    }
    found.retain(|path| path.first().is_some_and(|first| !first.is_empty()));
    found
}

/// How long a path is that begins here, its braces with it.
fn tail(text: &str) -> usize {
    let plain = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(text.len());
    if !text[plain..].starts_with('{') || !text[..plain].ends_with("::") {
        return plain;
    }
    let mut depth = 0;
    for (at, c) in text[plain..].char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 {
            return plain + at + 1;
        }
    }
    text.len()
}

/// `a::{b, c::{d}}` taken apart, each with what it is called here.
fn parts(path: &str) -> Vec<String> {
    let path = path.trim();
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let mut depth = 0;
    let split = inner.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    split.filter(|one| !one.trim().is_empty()).flat_map(parts).map(|one| format!("{before}{one}")).collect()
}

/// The steps of a path, and its last name or another one.
fn steps(path: &str) -> (Vec<String>, Option<String>) {
    let (path, called) = path.split_once(" as ").map_or((path, None), |(path, called)| (path, Some(called)));
    let steps: Vec<String> = path.split("::").map(|step| step.trim().to_owned()).filter(|step| step != "*").collect();
    // `a::{self}` is `a`.
    let steps = match steps.split_last() {
        Some((last, before)) if last == "self" && !before.is_empty() => before.to_vec(),
        _ => steps,
    };
    let called = called.map(|called| called.trim().to_owned()).or(steps.last().cloned());
    (steps, called)
}

/// What the `use`s of a text call what.
fn names(code: &str) -> Names {
    let mut names = Names::new();
    for (at, _) in code.match_indices("use ") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some(end) = code[at..].find(';') else { continue };
        for (steps, called) in parts(&code[at + 4..at + end]).iter().map(|path| steps(path)) {
            names.extend(called.filter(|_| steps.len() > 1).map(|called| (called, steps)));
        }
    }
    names
}

/// A file may use what its parent says, and a parent is made of its children: one direction at a time is looked at, so
/// that a circle over somebody else is found whichever way it goes.
fn of(tree: &Tree) -> Vec<String> {
    let arrows = tree.arrows();
    let kept = |kept: fn(&Module, &Module) -> bool| {
        let some = |(module, named): (&Module, &BTreeSet<Module>)| {
            (module.clone(), named.iter().filter(|other| kept(module, other)).cloned().collect())
        };
        circles(arrows.iter().map(some).collect())
    };
    let mut all = kept(|from, to| !from.starts_with(to));
    all.extend(kept(|from, to| !to.starts_with(from)));
    all.sort();
    all.dedup();
    all
}

#[test]
fn no_two_files_need_each_other() {
    let files = files("src");
    let rust = files.iter().filter(|file| file.path.ends_with(".rs") && file.path != "src/main.rs");
    let tree = Tree::of(rust.map(|file| (file.path.trim_start_matches("src/"), file.text.as_str())));
    assert!(tree.arrows().values().map(BTreeSet::len).sum::<usize>() > 1_000, "the imports are seen");
    assert_eq!(of(&tree), Vec::<String>::new());
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let found = |files: &[(&str, &str)]| of(&Tree::of(files.iter().copied()));
    let straight = [("lib.rs", "mod a;"), ("a/mod.rs", "mod b; mod c; pub use b::B;"), ("a/b.rs", "pub struct B;")];
    let with = |c: &'static str, b: &'static str| {
        let mut files = straight.to_vec();
        files.push(("a/c.rs", c));
        files[2].1 = b;
        found(&files)
    };
    assert_eq!(with("use super::b::B;", "pub struct B;"), Vec::<String>::new());
    // A child may use its parent, and what that hands on is its sibling's.
    assert_eq!(with("use super::B;", "use super::A;"), Vec::<String>::new());
    let circle = ["a/b -> a/c"];
    assert_eq!(with("use super::B;", "use super::c::C;"), circle);
    assert_eq!(with("use crate::a::{\n    b::{B as Other},\n};", "fn f() { super::c::go(); }"), circle);
    assert_eq!(with("use super::b;", "use crate::a::c::{self, C};"), circle);
    // What only tests or comments name does not count.
    assert_eq!(
        with("use super::B;", "// super::c\n\n#[cfg(test)]\nmod tests { use super::super::c::C; }"),
        Vec::<String>::new()
    );
    let around = [
        ("lib.rs", "mod a;\nmod x;"),
        ("a/mod.rs", "mod b;\nuse b::B;"),
        ("a/b.rs", "use crate::x::X;"),
        ("x.rs", "use crate::a::A;"),
    ];
    assert_eq!(found(&around), ["a -> a/b -> x"]);
}
